const shown = 6;

/** A list of permissions. A long one is folded. */
export function Permissions({ permissions }: { permissions: readonly string[] }) {
  if (permissions.length === 0) return <span className="quiet">none</span>;
  const list = (
    <span className="permissions">
      {permissions.map((permission) => (
        <code key={permission}>{permission}</code>
      ))}
    </span>
  );
  if (permissions.length <= shown) return list;
  return (
    <details className="more">
      <summary>{permissions.length} permissions</summary>
      {list}
    </details>
  );
}
