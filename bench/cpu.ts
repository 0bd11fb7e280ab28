import { readdirSync, readFileSync } from "node:fs";

// USER_HZ, the unit of /proc: 100 on every Linux on which node runs.
const ticksPerSecond = 100;

/** Returns the CPU seconds that a process and all its descendants have used, or NaN on systems without /proc. */
export function cpuSeconds(pid: number): number {
  const children = new Map<number, number[]>();
  const ticks = new Map<number, number>();
  for (const id of processIds()) {
    const stat = read(`/proc/${id}/stat`);
    // The name of the process, in parentheses, may contain any character.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [parent, user, system] = [fields[1], fields[11], fields[12]].map(Number);
    if (parent === undefined || user === undefined || system === undefined) continue;
    children.set(parent, [...(children.get(parent) ?? []), id]);
    ticks.set(id, user + system);
  }
  const sum = (id: number): number =>
    (children.get(id) ?? []).reduce((total, child) => total + sum(child), ticks.get(id) ?? 0);
  return ticks.has(pid) ? sum(pid) / ticksPerSecond : Number.NaN;
}

/** Returns the CPU seconds that all processes of the machine have used. */
export function machineCpuSeconds(): number {
  const [line = ""] = read("/proc/stat").split("\n");
  const [user, nice, system, , , irq, softirq, steal] = line.trim().split(/\s+/).slice(1).map(Number);
  const all = [user, nice, system, irq, softirq, steal];
  return all.reduce((sum: number, one) => sum + (one ?? Number.NaN), 0) / ticksPerSecond;
}

function processIds(): number[] {
  try {
    return readdirSync("/proc").map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

// A process may end before its file is read.
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
