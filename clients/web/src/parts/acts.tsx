/** What was done to administer people, for everybody to see. */

import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { people } from "../api/calls.ts";
import { type AdministrativeAct, AdministrativeAct_Kind as Kind } from "../gen/regard/identity/v1/identity_pb.ts";
import { useNames } from "./names.ts";
import { Paged, usePages } from "./pages.tsx";
import { useRoleWords } from "./roles.tsx";

const PAGE = 20;

export function Acts() {
  const { i18n } = useLingui();
  const read = usePages(["administration"], (page) => people.listAdministration({ page }), { size: PAGE });
  const acts = (read.data?.pages ?? []).flatMap((page) => page.acts);
  const names = useNames(acts.flatMap((one) => [one.byId, one.personId]));
  const day = (one: AdministrativeAct) => (one.day ? i18n.date(timestampDate(one.day), { dateStyle: "medium", timeZone: "UTC" }) : "");
  return (
    <section aria-labelledby="acts">
      <h2 id="acts">
        <Trans>Acts of administration</Trans>
      </h2>
      <p className="quiet">
        <Trans>Who gave or took which role is for everybody to see. Who was given an account, lost it or was erased is only counted.</Trans>
      </p>
      <Paged read={read} none={acts.length === 0} empty={<Trans>Nothing yet.</Trans>}>
        <ul className="sentences">
          {acts.map((one, place) => (
            <li key={place}>
              <time>{day(one)}</time>
              {" · "}
              <What one={one} who={names(one.personId)} />
              {" · "}
              <By one={one} name={names(one.byId)} />
            </li>
          ))}
        </ul>
      </Paged>
    </section>
  );
}

function By({ one, name }: { one: AdministrativeAct; name: string }) {
  if (one.byProvisioner) return <Trans>by “{one.byProvisioner}”, which brings in the company’s directory</Trans>;
  if (!one.byId) return <Trans>when Regard was installed</Trans>;
  return (
    <Trans>
      by <bdi>{name}</bdi>
    </Trans>
  );
}

function What({ one, who }: { one: AdministrativeAct; who: string }) {
  const role = useRoleWords()(one.role);
  const people = Number(one.people);
  switch (one.kind) {
    case Kind.ROLE_GRANTED:
      return (
        <Trans>
          <bdi>{who}</bdi> was given the role “{role}”
        </Trans>
      );
    case Kind.ROLE_REVOKED:
      return (
        <Trans>
          the role “{role}” was taken from <bdi>{who}</bdi>
        </Trans>
      );
    case Kind.PEOPLE_PROVISIONED:
      return <Plural value={people} one="# person was given an account" other="# people were given an account" />;
    case Kind.PEOPLE_DEACTIVATED:
      return <Plural value={people} one="the access of # person ended" other="the access of # people ended" />;
    case Kind.PEOPLE_REACTIVATED:
      return <Plural value={people} one="# person got their access back" other="# people got their access back" />;
    case Kind.PEOPLE_ERASED:
      return <Plural value={people} one="# person who had left was erased" other="# people who had left were erased" />;
    case Kind.PROVISIONER_ADDED:
      return <Trans>“{one.provisioner}” was allowed to bring in people</Trans>;
    case Kind.PROVISIONER_REVOKED:
      return <Trans>“{one.provisioner}” is no longer allowed to bring in people</Trans>;
    default:
      return null;
  }
}
