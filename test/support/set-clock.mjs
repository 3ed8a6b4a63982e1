// Loaded before a program (`--import`): somebody sets the clock of its machine. After SIGUSR2, or at the start, the time of
// day is off by the milliseconds in the file that the environment names; the file is then deleted.
import { existsSync, readFileSync, rmSync } from "node:fs";

const RealDate = Date;
let offMs = 0;

globalThis.Date = class extends RealDate {
  constructor(...parts) {
    super(...(parts.length === 0 ? [RealDate.now() + offMs] : parts));
  }

  static now() {
    return RealDate.now() + offMs;
  }
};

function setClock() {
  offMs = Number(readFileSync(process.env.CLOCK_FILE, "utf8"));
  rmSync(process.env.CLOCK_FILE);
}

process.on("SIGUSR2", setClock);
if (existsSync(process.env.CLOCK_FILE)) setClock();
