import { hash } from "node:crypto";
import { relative } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

// The files of a project follow one another, because a worker of another project must load all modules again. Those that wait
// most come first: while the last of them wait, the next project uses the cores.
const projects = ["processes", "console", "fast", "fast-clock"];

// Vitest does not tell a sequencer about this option.
const shuffled = process.argv.includes("--sequence.shuffle.files");

/** Runs project after project, without a pause between them. With `--sequence.shuffle.files`, each in random order. */
export class ProjectsInTurn extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = shuffled ? this.shuffle(files) : await super.sort(files);
    const turn = ({ project }: TestSpecification) => projects.indexOf(project.name);
    return sorted.sort((a, b) => turn(a) - turn(b));
  }

  private shuffle(files: TestSpecification[]): TestSpecification[] {
    const { sequence, root } = this.ctx.config;
    const { seed } = sequence;
    process.stderr.write(`file order: --sequence.seed=${seed} repeats it\n`);
    const place = ({ moduleId }: TestSpecification) => hash("sha256", `${seed} ${relative(root, moduleId)}`);
    return [...files].sort((a, b) => (place(a) < place(b) ? -1 : 1));
  }
}
