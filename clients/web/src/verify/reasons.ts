/**
 * Why something does not verify: one exception, told apart by a stable id, in French and English.
 *
 * The reasons, their ids and their sentences are those of clients/python/regard_client/verify/reasons.py.
 */

export type Language = "en" | "fr";

/** One reason; `{name}` in its sentences stands for a parameter. */
export type Reason = { id: string; en: string; fr: string; remedyEn: string; remedyFr: string };

/** What was given does not verify, for the reason `reason`. */
export class Unverified extends Error {
  readonly reason: Reason;
  readonly params: Readonly<Record<string, string>>;

  constructor(reason: Reason, params: Record<string, string | bigint | number> = {}) {
    const texts = Object.fromEntries(Object.entries(params).map(([name, value]) => [name, String(value)]));
    super(`${reason.id} ${filled(reason.en, texts)}`);
    this.name = "Unverified";
    this.reason = reason;
    this.params = texts;
  }

  /** The reason's stable id. */
  get id(): string {
    return this.reason.id;
  }

  /** Why, for people. */
  sentence(language: Language): string {
    return filled(this.reason[language], this.params);
  }

  /** What to do about it, for people. */
  remedy(language: Language): string {
    return language === "fr" ? this.reason.remedyFr : this.reason.remedyEn;
  }
}

function filled(template: string, params: Readonly<Record<string, string>>): string {
  return template.replace(/\{([a-z]+)\}/g, (_, name: string) => params[name] ?? "");
}

export const MALFORMED: Reason = {
  id: "VER-01",
  en: "This is not a well-formed {what}: {rule}.",
  fr: "Ce n’est pas un {what} bien formé : {rule}.",
  remedyEn: "Fetch it again; if it stays so, it was damaged or made wrongly.",
  remedyFr: "Récupérez-le à nouveau ; s’il reste ainsi, il est abîmé ou mal fait.",
};
export const BAD_SIGNATURE: Reason = {
  id: "VER-02",
  en: "The signature of {name} is wrong.",
  fr: "La signature de {name} est fausse.",
  remedyEn: "What was signed was changed, or somebody else signed in this name. Keep the file, and report it.",
  remedyFr: "Ce qui était signé a été modifié, ou un autre a signé sous ce nom. Gardez le fichier et signalez-le.",
};
export const UNSIGNED: Reason = {
  id: "VER-03",
  en: "No key that is trusted has signed this.",
  fr: "Aucune clé de confiance n’a signé ceci.",
  remedyEn: "Check that the keys are those of this log.",
  remedyFr: "Vérifiez que les clés sont celles de ce journal.",
};
export const NOT_INCLUDED: Reason = {
  id: "VER-04",
  en: "Entry {index} is not in the log of size {size}: the inclusion proof does not lead to its root.",
  fr: "L’entrée {index} n’est pas dans le journal de taille {size} : la preuve d’inclusion ne mène pas à sa racine.",
  remedyEn: "The record or its proof was changed. Keep the file, and report it.",
  remedyFr: "L’enregistrement ou sa preuve a été modifié. Gardez le fichier et signalez-le.",
};
export const NOT_CONSISTENT: Reason = {
  id: "VER-05",
  en: "The log of size {old} is not the beginning of the log of size {new}: its past was changed.",
  fr: "Le journal de taille {old} n’est pas le début de celui de taille {new} : son passé a été modifié.",
  remedyEn: "Keep both checkpoints with the proof, and report them: the log has forked.",
  remedyFr: "Gardez les deux points de contrôle avec la preuve et signalez-les : le journal a bifurqué.",
};
export const OTHER_LOG: Reason = {
  id: "VER-06",
  en: "This is the log {origin}, not {wanted}.",
  fr: "C’est le journal {origin}, pas {wanted}.",
  remedyEn: "Check which log the file or the address belongs to.",
  remedyFr: "Vérifiez de quel journal viennent le fichier ou l’adresse.",
};
export const UNKNOWN_LOG: Reason = {
  id: "VER-07",
  en: "The policy knows no log called {origin}.",
  fr: "La politique de confiance ne connaît pas de journal nommé {origin}.",
  remedyEn: "Use the policy file of the organisation that the file comes from.",
  remedyFr: "Utilisez la politique de confiance de l’organisation dont vient le fichier.",
};
export const NOT_WITNESSED: Reason = {
  id: "VER-08",
  en: "Not enough witnesses have signed this checkpoint: {seen}; the policy wants {wanted}.",
  fr: "Trop peu de témoins ont signé ce point de contrôle : {seen} ; la politique exige {wanted}.",
  remedyEn: "Ask for it again in a minute. If it stays so, others may be shown another log: report it.",
  remedyFr: "Redemandez-le dans une minute. Sinon, d’autres voient peut-être un autre journal : signalez-le.",
};
export const UNKNOWN_SIGNATURE: Reason = {
  id: "VER-09",
  en: "The receipt has a signature by {name} that the policy has no key for, so that nobody can verify it.",
  fr: "Le reçu porte une signature de {name} dont la politique n’a pas la clé : personne ne peut la vérifier.",
  remedyEn: "If the organisation has changed its keys, use its current policy file; otherwise the file was changed.",
  remedyFr: "Si l’organisation a changé de clés, utilisez sa politique actuelle ; sinon, le fichier a été modifié.",
};
export const ROLLED_BACK: Reason = {
  id: "VER-10",
  en: "The log shows {new} entries, and has shown {old} before: what was in it is gone.",
  fr: "Le journal montre {new} entrées, et en a montré {old} auparavant : une partie a disparu.",
  remedyEn: "Try again in a minute. If it stays so, keep the evidence, and show it to a witness.",
  remedyFr: "Réessayez dans une minute. Sinon, gardez les preuves et montrez-les à un témoin.",
};
export const FORKED: Reason = {
  id: "VER-11",
  en: "The log has forked: its {old} entries seen before are not the beginning of the {new} that it shows now.",
  fr: "Le journal a bifurqué : ses {old} entrées déjà vues ne sont pas le début des {new} qu’il montre maintenant.",
  remedyEn: "Keep the evidence, which is signed by the log, and show it to a witness and to the works council.",
  remedyFr: "Gardez les preuves, signées par le journal, et montrez-les à un témoin et au comité d’entreprise.",
};
export const PLACE_MISSING: Reason = {
  id: "VER-13",
  en: "An access to the group {group} is missing: revision {revision}, number {index}.",
  fr: "Un accès au groupe {group} manque : révision {revision}, numéro {index}.",
  remedyEn: "Ask for the receipt of that place. If nobody gives it, an access is being hidden: report it.",
  remedyFr: "Demandez le reçu de cette place. Si personne ne le donne, un accès est caché : signalez-le.",
};
export const OTHER_HISTORY: Reason = {
  id: "VER-14",
  en: "The group {group} has two histories: what is at revision {revision}, number {index}, follows something else.",
  fr: "Le groupe {group} a deux histoires : la révision {revision}, numéro {index}, suit autre chose.",
  remedyEn: "Keep both receipts, which are signed, and show them to a witness and to the works council.",
  remedyFr: "Gardez les deux reçus, qui sont signés, et montrez-les à un témoin et au comité d’entreprise.",
};

/** The exception for a `what` that breaks `rule`; the rule is told in the words of the specification. */
export function malformed(what: string, rule: string): Unverified {
  return new Unverified(MALFORMED, { what, rule });
}
