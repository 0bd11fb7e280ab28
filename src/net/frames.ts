const headerBytes = 9;
const rstStream = 3;

/** Counts the RST_STREAM frames in a run of HTTP/2 frames (RFC 9113, section 4.1). The last one may be incomplete. */
export function countResets(frames: Uint8Array): number {
  let count = 0;
  let at = 0;
  while (at + headerBytes <= frames.length) {
    const [high = 0, middle = 0, low = 0, type] = frames.subarray(at, at + 4);
    if (type === rstStream) count += 1;
    at += headerBytes + (high << 16) + (middle << 8) + low;
  }
  return count;
}
