/** What a file really holds, by its bytes: who sent it may say anything. Only what is named here is ever shown. */

export type Shown = { image: Blob } | { text: string };

const IMAGES: [string, (bytes: Uint8Array) => boolean][] = [
  ["image/png", (bytes) => begins(bytes, 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)],
  ["image/jpeg", (bytes) => begins(bytes, 0xff, 0xd8, 0xff)],
  ["image/gif", (bytes) => ["GIF87a", "GIF89a"].includes(ascii(bytes, 0, 6))],
  ["image/webp", (bytes) => ascii(bytes, 0, 4) === "RIFF" && ascii(bytes, 8, 12) === "WEBP"],
];
/** Control characters that plain text does not have. */
const NO_TEXT = /[\u0000-\u0008\u000e-\u001a\u001c-\u001f\u007f]/;

/** A picture or text; undefined for everything else, SVG and HTML being text as any other. */
export function shownAs(bytes: Uint8Array<ArrayBuffer>): Shown | undefined {
  const type = IMAGES.find(([, is]) => is(bytes))?.[0];
  if (type) return { image: new Blob([bytes], { type }) };
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return NO_TEXT.test(text) ? undefined : { text };
  } catch {
    return undefined;
  }
}

function begins(bytes: Uint8Array, ...first: number[]): boolean {
  return first.every((byte, at) => bytes[at] === byte);
}

function ascii(bytes: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(...bytes.subarray(start, end));
}
