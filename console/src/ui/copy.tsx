import { useEffect, useRef, useState } from "react";
import { Button } from "./button.tsx";

const shownMs = 2_000;

/** Returns whether something was copied just now, and a function that copies the text of an element. */
function useCopy(): [copied: boolean, copy: (text: string, element: HTMLElement | null) => Promise<void>] {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), shownMs);
    return () => clearTimeout(timer);
  }, [copied]);
  return [
    copied,
    async (text, element) => {
      try {
        await navigator.clipboard.writeText(text);
        setCopied(true);
      } catch {
        // The clipboard exists only on HTTPS and loopback. The user can press the keys for copying now.
        if (element) getSelection()?.selectAllChildren(element);
      }
    },
  ];
}

/** Text to paste elsewhere, with a button that copies it. */
export function CopyBlock({ label, text }: { label: string; text: string }) {
  const block = useRef<HTMLPreElement>(null);
  const [copied, copy] = useCopy();
  const word = copied ? "Copied" : "Copy";
  return (
    <section className="copy-block" aria-label={label}>
      <pre ref={block}>
        {text.split(/(--[\w-]+)/).map((part, index) =>
          // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a text do not move
          index % 2 ? <span key={index}>{part}</span> : part,
        )}
      </pre>
      <Button
        size="small"
        icon={copied ? "check" : "copy"}
        aria-label={`${word} ${label}`}
        onClick={() => copy(text, block.current)}
      >
        <span aria-live="polite">{word}</span>
      </Button>
    </section>
  );
}

/** A short text such as an id, which a click copies. */
export function CopyText({ label, text }: { label: string; text: string }) {
  const code = useRef<HTMLElement>(null);
  const [copied, copy] = useCopy();
  return (
    <button
      type="button"
      className="copy-text"
      title={`Copy ${label}`}
      aria-label={`Copy ${label} ${text}`}
      onClick={() => copy(text, code.current)}
    >
      <code ref={code}>{text}</code>
      <span className="copied" aria-live="polite">
        {copied ? "Copied" : ""}
      </span>
    </button>
  );
}
