import { randomBytes } from "node:crypto";
import type { AttackJob } from "./attacker.ts";
import { post } from "./http.ts";
import { anyAddress, type Counts, repeat } from "./repeat.ts";

const signUpPath = "/latchkey.v1.SessionService/SignUp";
const logInPath = "/latchkey.v1.SessionService/LogIn";
const goodPassword = "correct horse battery";

const anyEmail = () => `${randomBytes(8).toString("hex")}@example.com`;
const from = ({ address = anyAddress() }: AttackJob) => address;

/** Keeps 200 sign-ups in progress, each with a strong password. */
export function signUps(job: AttackJob): Promise<Counts> {
  return repeat({ callers: 200, everyMs: 1_000, seconds: job.seconds }, () => signUp(job, goodPassword));
}

/** Lets four clients sign up with the passwords whose strength takes longest to estimate. */
export function slowPasswords(job: AttackJob): Promise<Counts> {
  return repeat({ callers: 4, everyMs: 100, seconds: job.seconds }, () => signUp(job, slowPassword()));
}

/** Sends 64 log-ins at once, again every second. */
export function logIns(job: AttackJob): Promise<Counts> {
  return repeat({ callers: 64, everyMs: 1_000, seconds: job.seconds }, () =>
    post({
      port: job.port,
      path: logInPath,
      from: from(job),
      body: JSON.stringify({ email: anyEmail(), password: goodPassword }),
    }),
  );
}

function signUp(job: AttackJob, password: string) {
  const body = { email: anyEmail(), password, name: "Mallory", accountName: "Mallory and sons" };
  return post({ port: job.port, path: signUpPath, from: from(job), body: JSON.stringify(body) });
}

// Of the shapes that were tried, a chain of the most common passwords takes zxcvbn longest.
const common = [
  "password",
  "p4ssw0rd",
  "dragon",
  "monkey",
  "qwerty",
  "letmein",
  "admin",
  "love",
  "sex",
  "god",
  "12345",
];

/** Returns a password of 128 characters whose estimation takes zxcvbn very long. */
export function slowPassword(): string {
  let text = "";
  while (text.length < 128) text += common[Math.floor(Math.random() * common.length)];
  return text.slice(0, 128);
}
