/** A group's level: shape, word and colour together. */

import { Trans } from "@lingui/react/macro";
import { Level } from "../gen/regard/common/v1/common_pb.ts";

export function LevelMark({ level }: { level: Level | undefined }) {
  switch (level) {
    case Level.OPEN:
      return <Mark shape="○" name="open" word={<Trans>open</Trans>} />;
    case Level.RESTRICTED:
      return <Mark shape="◐" name="restricted" word={<Trans>restricted</Trans>} />;
    case Level.CONFIDENTIAL:
      return <Mark shape="●" name="confidential" word={<Trans>confidential</Trans>} />;
    default:
      return null;
  }
}

function Mark({ shape, name, word }: { shape: string; name: string; word: React.ReactNode }) {
  return (
    <span className={`level ${name}`}>
      <span aria-hidden="true">{shape}</span> {word}
    </span>
  );
}
