import type { CommandWords, OptionWords, Values } from "./command-words.ts";

/** A script for zsh 5: a function for each command, by zsh's own `_arguments`. */
export function zshScript(commands: readonly CommandWords[]): string {
  return `#compdef signet
# Completes signet in zsh. In ~/.zshrc, below compinit: source <(signet completion zsh)
# Or as a file of the name _signet in a folder of $fpath.

# Puts the name of an option that takes several values before each of them, as if it were given again: _arguments itself
# knows one value of an option, or all words up to the next option, but then not that option.
__signet_name_each() {
  local word option=
  local -a named
  integer at current=CURRENT is_first
  for ((at = 1; at <= $#words; at++)); do
    word=$words[at]
    if [[ $word == -* ]]; then
      option=
      [[ " $* " == *" $word "* ]] && option=$word is_first=1
    elif [[ -n $option ]]; then
      (( is_first )) || named+=($option)
      (( is_first || at > CURRENT )) || (( current += 1 ))
      is_first=0
    fi
    named+=("$word")
  done
  words=("\${named[@]}")
  CURRENT=$current
  # Else zsh undoes both when a function ends.
  compstate[restore]=
}
${commands.map((command) => (command.commands.length > 0 ? groupFunction(command) : commandFunction(command))).join("")}
if [[ $funcstack[1] == _signet ]]; then
  _signet "$@"
else
  compdef _signet signet
fi
`;
}

function groupFunction({ path, commands, options }: CommandWords): string {
  const described = commands.map(({ name, description }) => `      ${quoted(`${name}:${description}`)}`);
  const calls = commands.map(
    ({ name }) => `        ${name}) (( $+functions[${nameOf([...path, name])}] )) && ${nameOf([...path, name])} ;;`,
  );
  return `
${nameOf(path)}() {
  local context state state_descr line
  local -a commands
  _arguments -C ${options.map((option) => `${optionSpec(option)} `).join("")}'1: :->command' '*::: :->rest' && return
  case $state in
    command)
      commands=(
${described.join("\n")}
      )
      _describe command commands
      ;;
    rest)
      # The name of the command is the first word of its own line.
      words=($line[1] "\${words[@]}")
      (( CURRENT += 1 ))
      case $line[1] in
${calls.join("\n")}
      esac
      ;;
  esac
}
`;
}

function commandFunction({ path, options, args }: CommandWords): string {
  const specs = [
    ...options.map(optionSpec),
    ...args.map(({ name, values, isVariadic }) => quoted(`${isVariadic ? "*" : ""}:${name}:${action(values)}`)),
  ];
  const variadic = options.filter(({ isVariadic }) => isVariadic).map(({ long }) => ` ${long}`);
  return `
${nameOf(path)}() {
${variadic.length === 0 ? "" : `  __signet_name_each${variadic.join("")}\n`}  _arguments -S \\
${specs.map((spec) => `    ${spec}`).join(" \\\n")}
}
`;
}

/** An option with a value may be given again: some may be repeated, and the last value of the others counts. */
function optionSpec({ long, short, description, values }: OptionWords): string {
  const text = `[${description.replace(/[[\]\\]/g, "\\$&")}]`;
  if (values !== undefined) return quoted(`*${long}=${text}:value:${action(values)}`);
  return short === undefined ? quoted(long + text) : `'(${short} ${long})'{${short},${long}}${quoted(text)}`;
}

function action(values: Values): string {
  if (values === "text") return " ";
  if (values === "file") return "_files";
  return values === "folder" ? "_files -/" : `(${values.join(" ")})`;
}

function nameOf(path: readonly string[]): string {
  return ["_signet", ...path].join("_");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
