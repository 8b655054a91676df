import { useEffect } from "react";

/** Names the page in the window's title, which screen readers say first. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · Regard` : "Regard";
  }, [title]);
}
