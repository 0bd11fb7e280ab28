import { X509Certificate } from "node:crypto";
import { day } from "../../config/parse.ts";
import type { TlsSettings } from "../../config/tls-settings.ts";
import { type Finding, failed, ok, skipped, warning } from "./finding.ts";

const soonMs = 14 * day;
const why = "After its end, clients refuse every connection.";
const renew = "Renew the certificate, and restart the server so that it reads the new files.";

/** Checks the period in which the certificate of the port is valid. The settings check that it belongs to its key. */
export function examineCertificate(tls: TlsSettings["tls"], now: number): Finding[] {
  if (!tls) return [skipped("tls", "LATCHKEY_TLS_CERT is unset, so the port serves plain text")];
  const { validFromDate, validToDate } = new X509Certificate(tls.cert);
  const [from, to] = [validFromDate.getTime(), validToDate.getTime()];
  const end = `the certificate ends at ${validToDate.toISOString()}`;
  if (to <= now) {
    const what = `the certificate ended at ${validToDate.toISOString()}`;
    return [failed("tls", { what, why: "Clients refuse every connection.", remedy: renew })];
  }
  if (from > now) {
    const what = `the certificate is valid from ${validFromDate.toISOString()} on, which is in the future`;
    const remedy = "Check the clock of this machine. If it is right, use another certificate until then.";
    return [failed("tls", { what, why: "Clients refuse every connection.", remedy })];
  }
  const days = Math.floor((to - now) / day);
  if (to - now < soonMs) return [warning("tls", { what: `${end}, in ${days} days`, why, remedy: renew })];
  return [ok("tls", `${end}, in ${days} days, and belongs to its key`)];
}
