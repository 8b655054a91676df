/** The passkeys of whoever is signed in: what they can sign in with instead of a password. */

import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { auth } from "../api/calls.ts";
import { addPasskey, hasPasskeys } from "../api/passkeys.ts";
import type { Passkey } from "../gen/regard/identity/v1/identity_pb.ts";
import { Moment } from "../parts/moments.tsx";
import { Loading, Refused } from "../parts/states.tsx";
import { useTitle } from "../parts/title.ts";

export function Passkeys() {
  const { t } = useLingui();
  useTitle(t`My passkeys`);
  const mine = useQuery({ queryKey: ["passkeys"], queryFn: async () => (await auth.listPasskeys({})).passkeys });
  const changed = () => void mine.refetch();
  return (
    <>
      <h1>
        <Trans>My passkeys</Trans>
      </h1>
      <p className="quiet">
        <Trans>
          A passkey signs you in with your phone, your computer or a security key, without a password. Its secret never leaves
          the device, and no other site can ask for it.
        </Trans>
      </p>
      {mine.isPending ? (
        <Loading />
      ) : mine.error ? (
        <Refused error={mine.error} retry={changed} />
      ) : mine.data.length === 0 ? (
        <p>
          <Trans>You have none yet.</Trans>
        </p>
      ) : (
        <ul className="passkeys">
          {mine.data.map((one) => (
            <Held key={one.id} passkey={one} changed={changed} />
          ))}
        </ul>
      )}
      {hasPasskeys() ? (
        <Add changed={changed} />
      ) : (
        <p className="quiet">
          <Trans>This browser can’t make passkeys, or not at this address.</Trans>
        </p>
      )}
    </>
  );
}

function Held({ passkey, changed }: { passkey: Passkey; changed: () => void }) {
  const { t } = useLingui();
  const removing = useMutation({ mutationFn: () => auth.removePasskey({ passkeyId: passkey.id }), onSuccess: changed });
  return (
    <li className="said">
      <p className="meta">
        <strong>
          <bdi>{passkey.name}</bdi>
        </strong>
        <button
          type="button"
          className="plain"
          aria-label={t`Remove ${passkey.name}`}
          aria-disabled={removing.isPending}
          onClick={() => removing.isPending || removing.mutate()}
        >
          <Trans>Remove</Trans>
        </button>
      </p>
      <p className="quiet">
        <Trans>
          Added: <Moment at={passkey.addedAt} />
        </Trans>
        {" · "}
        {passkey.usedAt ? (
          <Trans>
            last used: <Moment at={passkey.usedAt} />
          </Trans>
        ) : (
          <Trans>not used yet</Trans>
        )}
        {passkey.backedUp && (
          <>
            {" · "}
            <Trans>its device keeps a copy elsewhere</Trans>
          </>
        )}
      </p>
      {removing.error && <Refused error={removing.error} />}
    </li>
  );
}

function Add({ changed }: { changed: () => void }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const isComplete = name.trim() !== "" && password !== "";
  const adding = useMutation({
    mutationFn: () => addPasskey(name.trim(), password),
    onSuccess: (added) => {
      setPassword("");
      if (added) setName("");
      changed();
    },
  });
  return (
    <form
      className="stacked"
      onSubmit={(event) => {
        event.preventDefault();
        if (isComplete && !adding.isPending) adding.mutate();
      }}
    >
      <label>
        <Trans>What to call it, such as “work phone”</Trans>
        <input required maxLength={100} value={name} onChange={(event) => setName(event.target.value)} />
      </label>
      <label>
        <Trans>Your password, so that nobody else adds one</Trans>
        <input
          type="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
      </label>
      {adding.error && <Refused error={adding.error} />}
      {adding.data === false && (
        <p role="status">
          <Trans>No passkey was made: it was called off, or this device holds one for you already.</Trans>
        </p>
      )}
      <button type="submit" aria-disabled={adding.isPending || !isComplete}>
        <Trans>Add a passkey</Trans>
      </button>
    </form>
  );
}
