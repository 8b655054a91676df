/** A page for those who hold a role: others read who they are, and that nothing is hidden behind it but the work of a role. */

import { Trans } from "@lingui/react/macro";
import type { ReactNode } from "react";
import type { Role } from "../gen/regard/common/v1/options_pb.ts";
import { useMe } from "../pages/frame.tsx";
import { useRoleWords } from "./roles.tsx";
import { Loading } from "./states.tsx";

export function ForRoles({ roles, title, children }: { roles: Role[]; title: ReactNode; children: ReactNode }) {
  const me = useMe();
  const words = useRoleWords();
  return (
    <>
      <h1>{title}</h1>
      {!me ? (
        <Loading />
      ) : me.roles.some((role) => roles.includes(role)) ? (
        children
      ) : (
        <p role="status">
          <Trans>
            This page is the work of a role that you do not hold: {roles.map(words).join(", ")}. Whoever administers Regard gives
            roles, and people’s pages show who holds which.
          </Trans>
        </p>
      )}
    </>
  );
}
