/** Moments, in the reader's language and time zone. */

import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { useLingui } from "@lingui/react/macro";

const TODAY: Intl.DateTimeFormatOptions = { timeStyle: "short" };
const EARLIER: Intl.DateTimeFormatOptions = { dateStyle: "medium", timeStyle: "short" };

export function Moment({ at }: { at: Timestamp | undefined }) {
  const { i18n } = useLingui();
  if (!at) return null;
  const date = timestampDate(at);
  const options = date.toDateString() === new Date().toDateString() ? TODAY : EARLIER;
  return (
    <time dateTime={date.toISOString()} title={i18n.date(date, { dateStyle: "full", timeStyle: "medium" })}>
      {i18n.date(date, options)}
    </time>
  );
}
