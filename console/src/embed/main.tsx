import { memoryLocation } from "wouter/memory-location";
import { mount } from "../mount.tsx";
import { createEmbed } from "./embed.ts";
import { EmbedPage, NotEmbedded } from "./embed-page.tsx";
import { allowedOrigins, findParent } from "./parent.ts";
import "../styles.css";

const element = document.getElementById("root");
const parent = findParent(window, allowedOrigins(document));
if (element) {
  const page = parent ? <EmbedPage embed={createEmbed(parent)} place={memoryLocation()} /> : <NotEmbedded />;
  mount(element, page);
}
