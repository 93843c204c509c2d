import type { CommandWords, OptionWords, Values } from "./command-words.ts";

/** A script for fish 3 or later: one line for each word, with the place where it may stand as its condition. */
export function fishScript(commands: readonly CommandWords[]): string {
  const options = commands.flatMap(({ path, options }) =>
    options.map((option) => ({ ...option, words: quoted(` ${[...path, option.long].join(" ")}`) })),
  );
  const valued = options.filter(({ values }) => values !== undefined);
  const variadic = valued.filter(({ isVariadic }) => isVariadic);
  const paths = commands.filter(({ path }) => path.length > 0).map(({ path }) => quoted(` ${path.join(" ")}`));
  return `# Completes signet in fish: signet completion fish > ~/.config/fish/completions/signet.fish
# Whether the words before the cursor are those of a command, and what comes next stands in a place of it: the number of
# an argument, or the option that takes one more value.
function __signet_at -a wanted place
    set -l path ''
    set -l option ''
    set -l position 0
    set -l words (commandline -opc)
    for word in $words[2..-1]
        switch "$path $word"
            case ${paths.join(" ")}
                set path "$path $word"
            case ${wordsOf(valued)}
                set option $word
            case '* -*'
                set option ''
            case '*'
                if test -z "$option"
                    set position (math $position + 1)
                else
                    switch "$path $option"
                        case ${wordsOf(variadic)}
                        case '*'
                            set option ''
                    end
                end
        end
    end
    test "$path" = "$wanted"; or return
    test -n "$option"; or set option $position
    test -z "$place"; or string match -qr -- "^$place\\$" $option
end
complete -c signet -f
${commands.flatMap(lines).join("\n")}
`;
}

const wordsOf = (options: readonly { readonly words: string }[]): string => options.map(({ words }) => words).join(" ");

function lines({ path, commands, options, args }: CommandWords): string[] {
  const wanted = path.map((name) => ` ${name}`).join("");
  const at = (...place: string[]) =>
    `complete -c signet -n ${quoted(["__signet_at", ...[wanted, ...place].map(quoted)].join(" "))}`;
  const offered = (place: string, values: Values = "text") =>
    values === "text" ? [] : [`${at(place)} ${valuesPart(values)}`];
  return [
    ...commands.map(({ name, description }) => `${at("0")} -a ${name} -d ${quoted(description)}`),
    ...options.map((option) => `${at()} ${optionPart(option)}`),
    // fish itself knows the first value of an option alone.
    ...options.flatMap(({ long, values, isVariadic }) => (isVariadic ? offered(long, values) : [])),
    ...args.flatMap(({ values, isVariadic }, index) => offered(isVariadic ? "[0-9]+" : String(index), values)),
  ];
}

function optionPart({ long, short, description, values }: OptionWords): string {
  const names = `${short === undefined ? "" : `-s ${short.slice(1)} `}-l ${long.slice(2)} -d ${quoted(description)}`;
  if (values === undefined) return names;
  return values === "text" ? `${names} -x` : `${names} -r ${valuesPart(values)}`;
}

function valuesPart(values: Exclude<Values, "text">): string {
  if (values === "file") return "-F";
  return values === "folder" ? "-f -a '(__fish_complete_directories)'" : `-f -a ${quoted(values.join(" "))}`;
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
