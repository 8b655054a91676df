/** What the ledger says in codes, in words. */

import { useLingui } from "@lingui/react/macro";
import { Action, ReaderKind } from "../gen/regard/audit/v1/events_pb.ts";
import { Purpose } from "../gen/regard/common/v1/common_pb.ts";

export function useActionWords(): (action: Action) => string {
  const { t } = useLingui();
  return (action) => {
    switch (action) {
      case Action.READ:
        return t`read`;
      case Action.LIVE:
        return t`followed live`;
      case Action.SEARCH:
        return t`searched`;
      case Action.PREVIEW:
        return t`saw a beginning`;
      case Action.DOWNLOAD:
        return t`downloaded`;
      case Action.EXPORT:
        return t`exported`;
      case Action.READ_LEDGER:
        return t`read the ledger`;
      case Action.SEARCH_LEDGER:
        return t`searched the ledger`;
      case Action.IMPORT:
        return t`imported a history`;
      default:
        return t`something else`;
    }
  };
}

export function useCapacityWords(): (kind: ReaderKind) => string {
  const { t } = useLingui();
  return (kind) => {
    switch (kind) {
      case ReaderKind.MEMBER:
        return t`member`;
      case ReaderKind.GUEST:
        return t`guest`;
      case ReaderKind.MODERATOR:
        return t`moderator`;
      case ReaderKind.AUDITOR:
        return t`auditor`;
      case ReaderKind.DATA_PROTECTION_OFFICER:
        return t`data protection officer`;
      case ReaderKind.BREAK_GLASS:
        return t`break-glass`;
      case ReaderKind.SERVICE:
        return t`service`;
      case ReaderKind.COLLEAGUE:
        return t`colleague`;
      case ReaderKind.ADMINISTRATOR:
        return t`platform administrator`;
      default:
        return "";
    }
  };
}

export function usePurposeWords(): (purpose: Purpose) => string {
  const { t } = useLingui();
  return (purpose) => {
    switch (purpose) {
      case Purpose.INTERNAL_AUDIT:
        return t`internal audit`;
      case Purpose.SECURITY_INCIDENT:
        return t`security incident`;
      case Purpose.DATA_SUBJECT_REQUEST:
        return t`request of a person about their data`;
      case Purpose.LEGAL_OBLIGATION:
        return t`legal obligation`;
      case Purpose.MIGRATION:
        return t`move into Regard`;
      case Purpose.HARASSMENT_COMPLAINT:
        return t`harassment complaint`;
      default:
        return "";
    }
  };
}
