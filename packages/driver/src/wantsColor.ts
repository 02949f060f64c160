/** Whether what is written to a stream may have colours: on a terminal, unless the user says otherwise. */
export const wantsColor = (stream: NodeJS.WriteStream, options: { readonly noColor: boolean }): boolean =>
  !options.noColor && stream.isTTY && process.env["NO_COLOR"] === undefined
