/** The status macro, whose parameter has the British spelling. Its text alone carries the meaning, never its colour. */
export const statusMacro = (colour: string, title: string): string =>
  `<ac:structured-macro ac:name="status"><ac:parameter ac:name="colour">${colour}</ac:parameter>` +
  `<ac:parameter ac:name="title">${title}</ac:parameter></ac:structured-macro>`;
