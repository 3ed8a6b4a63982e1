/**
 * Renders the status macro. Its parameter has the British spelling. The meaning is in the text, never only in the
 * colour.
 */
export const statusMacro = (colour: string, title: string): string =>
  `<ac:structured-macro ac:name="status"><ac:parameter ac:name="colour">${colour}</ac:parameter>` +
  `<ac:parameter ac:name="title">${title}</ac:parameter></ac:structured-macro>`;

/** Renders a macro that shows its content only after a click on the title. */
export const expandMacro = (title: string, content: string): string =>
  `<ac:structured-macro ac:name="expand"><ac:parameter ac:name="title">${title}</ac:parameter>` +
  `<ac:rich-text-body>${content}</ac:rich-text-body></ac:structured-macro>`;
