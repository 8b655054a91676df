/**
 * Receipts: what proves to anybody, without us and without a network, that an access is in the log.
 *
 * A receipt is a tlog-proof (`proof`) whose extra data is the salt, 32 bytes, and the record. All of it is verified:
 *
 * - salt and record make the entry, the entry and the proof make the root;
 * - root, size and origin are signed by the log and by the witnesses that the policy wants;
 * - every signature line is by a key of the policy. Elsewhere unknown ones are ignored, as signed-note asks; but whoever
 *   makes a receipt chooses its lines, and one that nobody can verify has no place in evidence.
 */

import { formatHash, hex, leafHash } from "./hashing.ts";
import { parseNote } from "./notes.ts";
import { type Policy, type Vouched, shownName } from "./policy.ts";
import { parseProof } from "./proof.ts";
import { type Language, UNKNOWN_SIGNATURE, Unverified, malformed } from "./reasons.ts";
import { type LogRecord, SALT_BYTES, entryOf, parseRecord } from "./record.ts";
import { verifyInclusion } from "./tree.ts";

/** An access, and what proves that it is entry `index` of the log. */
export type Receipt = {
  salt: Uint8Array;
  record: Uint8Array;
  index: bigint;
  hashes: readonly Uint8Array[];
  checkpoint: Uint8Array;
};

/** What a file says; Unverified if it is no receipt. */
export function parseReceipt(data: Uint8Array): Receipt {
  const { extra, index, hashes, checkpoint } = parseProof(data);
  parseNote(checkpoint);
  const [salt, record] = [extra.slice(0, SALT_BYTES), extra.slice(SALT_BYTES)];
  if (!record.length) throw malformed("receipt", "its extra data is a salt of 32 bytes and a record");
  return { salt, record, index, hashes, checkpoint };
}

export type StepId = "read" | "entry" | "signed" | "witnessed" | "included";

/** Something that was found to be right, and what it says to people. */
export type Step = { id: StepId } & Record<Language, string>;

/** What a receipt proves. */
export type Verified = { record: LogRecord; index: bigint; vouched: Vouched };

/**
 * What the receipt proves to those who trust the policy; each step is told as it succeeds. Throws Unverified.
 *
 * tlog-proof, section "Verifying a tlog proof".
 */
export function verifyReceipt(data: Uint8Array, policy: Policy, tell: (step: Step) => void = () => {}): Verified {
  const receipt = parseReceipt(data);
  tell({
    id: "read",
    en: `The file is a receipt for entry ${receipt.index}.`,
    fr: `Le fichier est un reçu pour l’entrée ${receipt.index}.`,
  });
  const record = parseRecord(receipt.record);
  const leaf = leafHash(entryOf(receipt.salt, receipt.record));
  tell({
    id: "entry",
    en: `Its record (${record.kind}) and its salt make the entry with the hash ${formatHash(leaf)}.`,
    fr: `Son enregistrement (${record.kind}) et son sel donnent l’entrée d’empreinte ${formatHash(leaf)}.`,
  });
  const vouched = policy.open(receipt.checkpoint);
  if (vouched.unknown[0]) throw new Unverified(UNKNOWN_SIGNATURE, { name: vouched.unknown[0].name });
  tell(signed(vouched));
  tell(witnessed(vouched));
  const tree = vouched.checkpoint;
  verifyInclusion(leaf, receipt.index, tree.size, receipt.hashes, tree.root);
  tell({
    id: "included",
    en: `The entry is one of these ${tree.size}: the proof leads from its hash to that root.`,
    fr: `L’entrée est l’une de ces ${tree.size} : la preuve mène de son empreinte à cette racine.`,
  });
  return { record, index: receipt.index, vouched };
}

function signed({ logs, checkpoint: { origin, size, root } }: Vouched): Step {
  const keys = logs.map((key) => `${key.typeName} ${hex(key.keyId)}`).join(", ");
  return {
    id: "signed",
    en: `The log ${origin} signed that it has ${size} entries and the root ${formatHash(root)}: ${keys}.`,
    fr: `Le journal ${origin} a signé qu’il a ${size} entrées et la racine ${formatHash(root)} : ${keys}.`,
  };
}

function witnessed({ witnesses }: Vouched): Step {
  if (!witnesses.size) {
    return {
      id: "witnessed",
      en: "The policy asks for no witness: nobody but the log says that everybody is shown the same log.",
      fr: "La politique n’exige pas de témoin : seul le journal affirme que tous voient le même journal.",
    };
  }
  const seen = [...witnesses].map(([name, atS]) => `${shownName(name)} (${moment(atS)})`).join(", ");
  return {
    id: "witnessed",
    en: `Enough witnesses signed that this is the log that they see: ${seen}.`,
    fr: `Assez de témoins ont signé que c’est bien le journal qu’ils voient : ${seen}.`,
  };
}

const END_OF_9999_S = 253_402_300_799n;

/** A time for people; a cosignature's may lie beyond what a date can say. */
function moment(atS: bigint): string {
  if (atS > END_OF_9999_S) return `${atS} s`;
  return `${new Date(Number(atS) * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
