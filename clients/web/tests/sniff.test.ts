import { expect, test } from "vitest";
import { shownAs } from "../src/parts/sniff.ts";

const bytes = (...some: number[]) => new Uint8Array([...some, ...new Array(16).fill(0)]);
const text = (some: string) => new TextEncoder().encode(some) as Uint8Array<ArrayBuffer>;
const type = (some: Uint8Array<ArrayBuffer>) => {
  const shown = shownAs(some);
  return shown && "image" in shown ? shown.image.type : shown?.text;
};

test("pictures are known by their first bytes", () => {
  expect(type(bytes(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a))).toBe("image/png");
  expect(type(bytes(0xff, 0xd8, 0xff, 0xe0))).toBe("image/jpeg");
  expect(type(text("GIF89a\0\0"))).toBe("image/gif");
  expect(type(text("RIFF\x01\0\0\0WEBPVP8 "))).toBe("image/webp");
});

test("a document that runs is a text like any other", () => {
  for (const some of ["<svg xmlns='http://www.w3.org/2000/svg'/>", "<!doctype html><script>1</script>", "Été\r\n\tœuvre", ""]) {
    expect(type(text(some))).toBe(some);
  }
});

test("nothing else is shown", () => {
  for (const some of [bytes(0x89, 0x50), text("%PDF-1.7\n\0"), bytes(0xff, 0xfe), text("RIFF\x01\0\0\0WAVE"), text("\x7fELF")]) {
    expect(shownAs(some)).toBe(undefined);
  }
});
