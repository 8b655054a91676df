/** People whose access has ended: administrators give it back, the data protection officer erases who they were. */

import { Trans } from "@lingui/react/macro";
import { people } from "../api/calls.ts";
import { readAgain } from "../app/queries.ts";
import { Role } from "../gen/regard/common/v1/options_pb.ts";
import { useMe } from "../pages/frame.tsx";
import { Act } from "./act.tsx";
import { useRested } from "./directory.tsx";
import { Paged, usePages } from "./pages.tsx";

/** For those two roles; others are shown nothing. `typed`: what is searched for. */
export function Former({ typed }: { typed: string }) {
  const roles = useMe()?.roles ?? [];
  const [administers, protects] = [Role.PLATFORM_ADMINISTRATOR, Role.DATA_PROTECTION_OFFICER].map((role) => roles.includes(role));
  const query = useRested(typed).trim();
  const how = { size: 50, enabled: administers || protects, keeps: true };
  const read = usePages(["former-people", query], (page) => people.listFormerPeople({ query, page }), how);
  if (!administers && !protects) return null;
  const found = (read.data?.pages ?? []).flatMap((page) => page.people);
  const changed = async () => {
    await readAgain(["former-people"], ["people"]);
  };
  return (
    <section aria-labelledby="former">
      <h2 id="former">
        <Trans>Who has left</Trans>
      </h2>
      <p className="quiet">
        {protects ? (
          <Trans>
            Shown to you because you protect personal data. Erasing is for good: nobody brings back a name or a text, and of a restored
            backup it is erased again. What they looked at stays in the ledgers of groups, under no name.
          </Trans>
        ) : (
          <Trans>Shown to you because you administer Regard. The data protection officer can erase who they were.</Trans>
        )}
      </p>
      <Paged read={read} none={found.length === 0} empty={<Trans>Nobody who has left is called so, did that or worked there.</Trans>}>
        <ul className="directory">
          {found.map(({ id: personId, profile }) => (
            <li key={personId}>
              <bdi>{profile?.name}</bdi>
              <span className="quiet">{[profile?.function, profile?.site].filter(Boolean).join(" · ")}</span>
              {administers && (
                <Act of={profile?.name} act={() => people.reactivatePerson({ personId })} done={changed}>
                  <Trans>Give access back</Trans>
                </Act>
              )}
              {protects && (
                <Act
                  of={profile?.name}
                  act={() => people.erasePerson({ personId })}
                  done={changed}
                  sure={
                    <Trans>
                      <bdi>{profile?.name}</bdi>: the name, and all that they wrote, in every group, for good?
                    </Trans>
                  }
                >
                  <Trans>Erase</Trans>
                </Act>
              )}
            </li>
          ))}
        </ul>
      </Paged>
    </section>
  );
}
