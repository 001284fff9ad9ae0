/** The characters that the model knows. */
const ALPHABET = "-.0123456789_abcdefghijklmnopqrstuvwxyz";
const FOREIGN = 1;
/** The length of the model's input. */
export const LENGTH = 82;

/** The input of the model: the index of each character, and zeros behind them. */
export function encode(domain) {
  const row = new Int32Array(LENGTH);
  for (const [i, character] of Array.from(domain.toLowerCase()).slice(0, LENGTH).entries()) {
    const index = ALPHABET.indexOf(character);
    row[i] = index < 0 ? FOREIGN : index;
  }
  return row;
}
