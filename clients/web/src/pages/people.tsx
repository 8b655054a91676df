/** The directory of colleagues. */

import { Trans, useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { SearchPeople, usePeople } from "../parts/directory.tsx";
import { Former } from "../parts/former.tsx";
import { Paged } from "../parts/pages.tsx";
import { useTitle } from "../parts/title.ts";

export function People() {
  const { t } = useLingui();
  useTitle(t`People`);
  const [typed, type] = useState("");
  const { read, found } = usePeople(typed);
  return (
    <>
      <h1>
        <Trans>People</Trans>
      </h1>
      <p className="quiet">
        <Trans>Everyone is here under their real name, as the company knows them.</Trans>
      </p>
      <SearchPeople typed={typed} type={type} />
      <Paged read={read} none={found.length === 0} empty={<Trans>Nobody is called so, does that or works there.</Trans>}>
        <ul className="directory">
          {found.map((person) => (
            <li key={person.id}>
              <Link to="/people/$personId" params={{ personId: person.id }}>
                <bdi>{person.profile?.name}</bdi>
              </Link>
              <span className="quiet">{[person.profile?.function, person.profile?.site].filter(Boolean).join(" · ")}</span>
            </li>
          ))}
        </ul>
      </Paged>
      <Former typed={typed} />
    </>
  );
}
