import { useEffect, useState } from "react";
import { TextField } from "../ui/field.tsx";

const pauseMs = 250;

/** A field that filters a list. It waits for a short pause in the typing. */
export function SearchField({
  label,
  value,
  onChange,
  placeholder = "Search",
}: {
  label: string;
  value: string;
  onChange(value: string): void;
  placeholder?: string;
}) {
  const [text, setText] = useState(value);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only a change of the text starts the pause
  useEffect(() => {
    const timer = setTimeout(() => text !== value && onChange(text), pauseMs);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <TextField
      label={label}
      type="search"
      value={text}
      onChange={setText}
      placeholder={placeholder}
      maxLength={128}
      autoComplete="off"
    />
  );
}
