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
  const { profile } = useSession();
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
        { label: "Sessions", icon: "device", onSelect: () => navigate("/sessions") },
        ...themes.map(([value, label]) => ({
          label,
          checked: theme === value,
          onSelect: () => choose(value),
        })),
        { label: "Log out", icon: "out", onSelect: logOut },
      ]}
    >
      <span className="switcher-name">
        {profile.spec?.name}
        <small>{profile.spec?.email}</small>
      </span>
      <Icon name="chevron" />
    </Menu>
  );
}
