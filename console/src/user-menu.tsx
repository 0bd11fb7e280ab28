import { useState } from "react";
import { useLocation } from "wouter";
import { useSession } from "./session.ts";
import { chooseTheme, chosenTheme, type Theme } from "./theme.ts";
import { Icon } from "./ui/icon.tsx";
import { Menu } from "./ui/menu.tsx";
import { useLogOut } from "./use-log-out.ts";

const themes: readonly [Theme, string][] = [
  ["system", "Colours of the system"],
  ["light", "Light colours"],
  ["dark", "Dark colours"],
];

/** The user of the session, with their pages and the way out. */
export function UserMenu() {
  const { profile, principal } = useSession();
  const isUser = principal.userId !== "";
  const [, navigate] = useLocation();
  const [theme, setTheme] = useState(chosenTheme);
  const logOut = useLogOut();
  const choose = (next: Theme) => {
    chooseTheme(next);
    setTheme(next);
  };
  return (
    <Menu
      label="You"
      className="switcher"
      items={[
        ...(isUser
          ? [{ label: "Sessions", icon: "device" as const, onSelect: () => navigate("/sessions") }]
          : []),
        ...themes.map(([value, label]) => ({
          label,
          checked: theme === value,
          onSelect: () => choose(value),
        })),
        isUser
          ? { label: "Log out", icon: "out", onSelect: logOut }
          : {
              label: "Forget the platform key",
              icon: "out",
              onSelect: () => location.assign("/console/platform"),
            },
      ]}
    >
      <span className="switcher-name">
        {isUser ? profile.spec?.name : principal.keyName || "Platform key"}
        <small>{profile.spec?.email}</small>
      </span>
      <Icon name="chevron" />
    </Menu>
  );
}
