import { randomBytes } from "node:crypto";
import type { AttackJob } from "./attacker.ts";
import { post } from "./http.ts";
import { anyAddress, type Counts, repeat } from "./repeat.ts";

const signUpPath = "/latchkey.v1.SessionService/SignUp";
const logInPath = "/latchkey.v1.SessionService/LogIn";
const goodPassword = "correct horse battery";

const anyEmail = () => `${randomBytes(8).toString("hex")}@example.com`;
const from = ({ address = anyAddress() }: AttackJob) => address;

/** 200 sign-ups under way at all times, each with a good password. */
export function signUps(job: AttackJob): Promise<Counts> {
  return repeat({ lanes: 200, everyMs: 1_000, seconds: job.seconds }, () => signUp(job, goodPassword));
}

/** Four clients, each of which signs up with the passwords that take longest to score. */
export function slowPasswords(job: AttackJob): Promise<Counts> {
  return repeat({ lanes: 4, everyMs: 100, seconds: job.seconds }, () => signUp(job, slowPassword()));
}

/** 64 log-ins at once, and the next 64 a second later. */
export function logIns(job: AttackJob): Promise<Counts> {
  return repeat({ lanes: 64, everyMs: 1_000, seconds: job.seconds }, () =>
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

// Of many shapes tried, a chain of the most used passwords costs zxcvbn most: each is found in every list, and in leet.
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

/** A password of 128 characters that takes zxcvbn longest. */
export function slowPassword(): string {
  let text = "";
  while (text.length < 128) text += common[Math.floor(Math.random() * common.length)];
  return text.slice(0, 128);
}
