// Checks of scripts: each is a sentence that holds or does not, and the last line counts them.

const faults = [];
let held = 0;

/** Says whether the sentence holds; one that does not is a fault. */
export function expect(holds, sentence) {
  if (holds) {
    held += 1;
    console.log(`ok    ${sentence}`);
  } else {
    console.log(`FAULT ${sentence}`);
    faults.push(sentence);
  }
}

/** Counts what held and what did not. The process then ends with status 1 if anything did not. */
export function report() {
  console.log(`${held} hold, ${faults.length} do not`);
  if (faults.length > 0) process.exitCode = 1;
}
