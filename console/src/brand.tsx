/** The name and the mark of the product. */
export function Brand() {
  return (
    <span className="brand">
      <svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">
        <rect width="24" height="24" rx="6" />
        <path d="M9 15.200a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.400zM12.2 12H19v3M16 12v2" />
      </svg>
      Latchkey
    </span>
  );
}
