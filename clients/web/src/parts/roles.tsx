/** Roles for the whole organisation, in words. */

import { useLingui } from "@lingui/react/macro";
import { Role } from "../gen/regard/common/v1/options_pb.ts";

export const ROLES = [
  Role.PLATFORM_ADMINISTRATOR,
  Role.AUDITOR,
  Role.SECURITY_OFFICER,
  Role.DATA_PROTECTION_OFFICER,
  Role.STAFF_REPRESENTATIVE,
  Role.PROGRAMME_STEWARD,
];

/** Those of which two different ones open a break-glass. */
export const KEYS = [Role.SECURITY_OFFICER, Role.DATA_PROTECTION_OFFICER, Role.STAFF_REPRESENTATIVE];

export function useRoleWords(): (role: Role) => string {
  const { t } = useLingui();
  return (role) => {
    switch (role) {
      case Role.PLATFORM_ADMINISTRATOR:
        return t`platform administrator`;
      case Role.AUDITOR:
        return t`auditor`;
      case Role.SECURITY_OFFICER:
        return t`security officer`;
      case Role.DATA_PROTECTION_OFFICER:
        return t`data protection officer`;
      case Role.STAFF_REPRESENTATIVE:
        return t`staff representative`;
      case Role.PROGRAMME_STEWARD:
        return t`in charge of the adoption programme`;
      default:
        return "";
    }
  };
}
