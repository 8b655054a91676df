/** How files are named and measured. */

import { useLingui } from "@lingui/react/macro";

const UNITS = ["byte", "kilobyte", "megabyte"];

export function Size({ bytes }: { bytes: number | bigint }) {
  const { i18n } = useLingui();
  const size = Number(bytes);
  const power = size < 1000 ? 0 : size < 1_000_000 ? 1 : 2;
  const options = { style: "unit", unit: UNITS[power]!, unitDisplay: "short", maximumFractionDigits: power ? 1 : 0 } as const;
  return <span>{i18n.number(size / 1000 ** power, options)}</span>;
}

/** A name without what hides or turns round a part of it. */
export function visible(name: string): string {
  return name.replace(/\p{C}/gu, "\u{fffd}");
}

/** Tells buttons of one word apart for whoever hears them. */
export function Of({ name }: { name: string }) {
  return (
    <span className="unseen">
      <bdi>{name}</bdi>
    </span>
  );
}
