/** What a group is called and for: two fields, where it is founded and where it is renamed. */

import { Trans } from "@lingui/react/macro";

type Naming = {
  name: string;
  setName: (name: string) => void;
  purpose: string;
  setPurpose: (purpose: string) => void;
};

export function NameAndPurpose({ name, setName, purpose, setPurpose }: Naming) {
  return (
    <>
      <label>
        <Trans>Its name</Trans>
        <input required maxLength={120} value={name} onChange={(event) => setName(event.target.value)} />
      </label>
      <label>
        <Trans>What it is for</Trans>
        <input maxLength={500} value={purpose} onChange={(event) => setPurpose(event.target.value)} />
      </label>
    </>
  );
}
