/** A button that does something at Regard: once at a time, after a question if it matters, with the refusal below it. */

import { Trans } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Refused } from "./states.tsx";

type Doing = {
  act: () => Promise<unknown>;
  /** What to read again. */
  done?: () => unknown;
  children: ReactNode;
  /** Whom or what it is about, for those who hear the button alone. */
  of?: string | undefined;
  /** The question that is asked first. */
  sure?: ReactNode;
  className?: string;
};

export function Act({ act, done, children, of, sure, className = "plain" }: Doing) {
  const [isAsking, ask] = useState(false);
  const doing = useMutation({
    mutationFn: act,
    onSuccess: () => {
      ask(false);
      return done?.();
    },
  });
  const begin = () => {
    if (!doing.isPending) doing.mutate();
  };
  if (isAsking) {
    return (
      <span className="sure" role="group">
        <span>{sure}</span>
        <button type="button" autoFocus aria-disabled={doing.isPending} onClick={begin}>
          <Trans>Yes</Trans>
        </button>
        <button type="button" className="second" onClick={() => ask(false)}>
          <Trans>No</Trans>
        </button>
        {doing.error && <Refused error={doing.error} />}
      </span>
    );
  }
  return (
    <>
      <button
        type="button"
        className={className}
        aria-disabled={doing.isPending}
        onClick={() => (sure ? ask(true) : begin())}
      >
        {children}
        {of && <span className="unseen"> {of}</span>}
      </button>
      {doing.error && <Refused error={doing.error} />}
    </>
  );
}
