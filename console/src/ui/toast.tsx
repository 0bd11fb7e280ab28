import { createContext, type ReactNode, useCallback, useContext, useEffect, useRef, useState } from "react";
import { IconButton } from "./button.tsx";
import { Icon } from "./icon.tsx";

/** Shows a sentence about something that succeeded, for a few seconds. */
export type ShowToast = (text: string) => void;

const ToastContext = createContext<ShowToast>(() => undefined);
const visibleMs = 6_000;

/** Returns the function that shows a toast. Errors belong next to the control that caused them, not into a toast. */
export function useToast(): ShowToast {
  return useContext(ToastContext);
}

/** Gives its children a place for toasts. */
export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<readonly { id: number; text: string }[]>([]);
  const count = useRef(0);
  const remove = useCallback((id: number) => setToasts((all) => all.filter((one) => one.id !== id)), []);
  const show = useCallback((text: string) => {
    count.current += 1;
    const id = count.current;
    // Three are enough: an older one is read, or no longer matters.
    setToasts((all) => [...all.slice(-2), { id, text }]);
  }, []);
  return (
    <ToastContext value={show}>
      {children}
      <section className="toasts" aria-label="Notifications" aria-live="polite">
        {toasts.map(({ id, text }) => (
          <Toast key={id} text={text} onEnd={() => remove(id)} />
        ))}
      </section>
    </ToastContext>
  );
}

function Toast({ text, onEnd }: { text: string; onEnd(): void }) {
  const end = useRef(onEnd);
  end.current = onEnd;
  useEffect(() => {
    const timer = setTimeout(() => end.current(), visibleMs);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className="toast">
      <Icon name="check" />
      <span>{text}</span>
      <IconButton icon="close" label="Dismiss" onClick={onEnd} />
    </div>
  );
}
