/** Signing in: with an address and a password, or as someone of the demonstration company. */

import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery } from "@tanstack/react-query";
import { getRouteApi, useRouter } from "@tanstack/react-router";
import { useState } from "react";
import { type Credentials, demonstrationPeople, signIn } from "../api/session.ts";
import { DEMONSTRATION, forgetAnswers } from "../app/queries.ts";
import { LanguageSwitch, ThemeSwitch } from "../parts/settings.tsx";
import { Refused } from "../parts/states.tsx";
import { useTitle } from "../parts/title.ts";

const route = getRouteApi("/sign-in");

export function SignIn() {
  const { t, i18n } = useLingui();
  useTitle(t`Sign in`);
  const { from } = route.useSearch();
  const router = useRouter();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const demonstration = useQuery({ queryKey: DEMONSTRATION, queryFn: demonstrationPeople });
  const signing = useMutation({
    mutationFn: async (credentials: Credentials) => {
      await signIn(credentials);
      forgetAnswers();
      await router.navigate({ to: from ?? "/" });
    },
  });
  const choosing = useMutation({
    mutationFn: async () => {
      // What asks the browser is loaded when it is wanted.
      const passkey = await (await import("../api/passkeys.ts")).chosenPasskey();
      if (passkey) await signing.mutateAsync({ passkey });
    },
  });
  return (
    <>
      <header className="top">
        <span className="brand">
          <img src="/app/icon.svg" alt="" width="28" height="28" /> Regard
        </span>
        <div className="row">
          <LanguageSwitch />
          <ThemeSwitch />
        </div>
      </header>
      <main className="narrow">
        <h1>
          <Trans>An enterprise social network that people dare to use, because everyone can see who looked.</Trans>
        </h1>
        {(signing.error ?? choosing.error) && <Refused error={signing.error ?? choosing.error} />}
        <form
          className="stacked"
          onSubmit={(event) => {
            event.preventDefault();
            signing.mutate({ email, password });
          }}
        >
          <label>
            <Trans>Company e-mail address</Trans>
            <input
              type="email"
              autoComplete="username"
              required
              value={email}
              onChange={(event) => setEmail(event.target.value)}
            />
          </label>
          <label>
            <Trans>Password</Trans>
            <input
              type="password"
              autoComplete="current-password"
              required
              value={password}
              onChange={(event) => setPassword(event.target.value)}
            />
          </label>
          <button type="submit" aria-disabled={signing.isPending}>
            <Trans>Sign in</Trans>
          </button>
          {"PublicKeyCredential" in globalThis && (
            <button type="button" className="plain" aria-disabled={choosing.isPending} onClick={() => choosing.mutate()}>
              <Trans>Sign in with a passkey</Trans>
            </button>
          )}
        </form>
        {demonstration.data && demonstration.data.length > 0 && (
          <section>
            <h2>
              <Trans>Or enter the demonstration company as</Trans>
            </h2>
            <ul className="people">
              {demonstration.data.map((one) => (
                <li key={one.key}>
                  <button type="button" onClick={() => signing.mutate({ person: one.key })}>
                    <strong>{one.name}</strong>
                    <span>{i18n.locale === "fr" ? one.about_fr : one.about_en}</span>
                  </button>
                </li>
              ))}
            </ul>
          </section>
        )}
      </main>
    </>
  );
}
