import { type KeyboardEvent, type ReactNode, useId, useRef } from "react";
import { Icon, type IconName } from "./icon.tsx";

/** One entry of a menu. */
export interface MenuItem {
  label: string;
  icon?: IconName;
  danger?: boolean;
  /** True for the choice that is in effect now. */
  checked?: boolean;
  onSelect(): void;
}

interface MenuProps {
  /** The name of the list, and of the button if it shows only an icon. */
  label: string;
  items: readonly MenuItem[];
  /** What the button shows. Without it: three dots. */
  children?: ReactNode;
  className?: string;
}

/** A button that opens a list of actions: the browser's own popover. Arrow keys move, Escape closes. */
export function Menu({ label, items, children, className }: MenuProps) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const entries = () => [...(list.current?.querySelectorAll<HTMLElement>("[role^=menuitem]") ?? [])];
  function onKeyDown(event: KeyboardEvent) {
    const all = entries();
    const target = nextIndex(event.key, all.indexOf(document.activeElement as HTMLElement), all.length);
    if (event.key === "Tab") list.current?.hidePopover();
    if (target === undefined) return;
    event.preventDefault();
    all[target]?.focus();
  }
  function select(item: MenuItem) {
    // The action may open a dialog, which gives the focus back to the button.
    list.current?.hidePopover();
    button.current?.focus();
    item.onSelect();
  }
  return (
    <>
      <button
        ref={button}
        type="button"
        className={className ?? "button ghost icon-only"}
        aria-haspopup="menu"
        aria-label={children === undefined ? label : undefined}
        title={children === undefined ? label : undefined}
        popoverTarget={id}
      >
        {children ?? <Icon name="more" />}
      </button>
      <div
        ref={list}
        id={id}
        popover="auto"
        role="menu"
        tabIndex={-1}
        aria-label={label}
        className="menu"
        onKeyDown={onKeyDown}
        onToggle={(event) => {
          if (event.newState !== "open") return;
          if (button.current && list.current) place(list.current, button.current);
          entries()[0]?.focus();
        }}
      >
        {items.map((item) => (
          <Entry key={item.label} item={item} select={select} />
        ))}
      </div>
    </>
  );
}

function Entry({ item, select }: { item: MenuItem; select(item: MenuItem): void }) {
  const choice = item.checked !== undefined;
  return (
    <button
      type="button"
      {...(choice ? { role: "menuitemradio", "aria-checked": item.checked } : { role: "menuitem" })}
      tabIndex={-1}
      className={item.danger ? "menu-item danger" : "menu-item"}
      onClick={() => select(item)}
    >
      {choice ? <span className="menu-check">{item.checked && <Icon name="check" />}</span> : null}
      {item.icon && <Icon name={item.icon} />}
      <span>{item.label}</span>
    </button>
  );
}

function nextIndex(key: string, current: number, length: number): number | undefined {
  if (key === "ArrowDown") return (current + 1) % length;
  if (key === "ArrowUp") return (current - 1 + length) % length;
  if (key === "Home") return 0;
  return key === "End" ? length - 1 : undefined;
}

const gap = 4;

// A popover is in the top layer, so its place is relative to the window.
function place(list: HTMLElement, button: HTMLElement): void {
  const from = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = list;
  const { clientWidth, clientHeight } = document.documentElement;
  const right = from.left + width + gap > clientWidth;
  const left = right ? from.right - width : from.left;
  const below = from.bottom + gap;
  const top =
    below + height + gap > clientHeight && from.top > height + gap ? from.top - height - gap : below;
  list.style.left = `${Math.max(gap, left)}px`;
  list.style.top = `${Math.max(gap, top)}px`;
}
