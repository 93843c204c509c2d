import type { CommandWords, Values } from "./command-words.ts";

/**
 * A script for bash 4 or later, without the package bash-completion. It walks the words before the cursor to find the
 * command, the option that waits for its value, and the number of arguments; a `case` then says what may stand there.
 */
export function bashScript(commands: readonly CommandWords[]): string {
  const options = commands.flatMap(({ path, options }) =>
    options.map((option) => ({ ...option, key: keyOf(path, option.long) })),
  );
  const valued = options.filter(({ values }) => values !== undefined);
  const variadic = valued.filter(({ isVariadic }) => isVariadic);
  return `# Completes signet in bash. In ~/.bashrc: source <(signet completion bash)
_signet() {
  local path= option= position=0 word at place
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=\${COMP_WORDS[at]}
    case "$path $word" in
      ${patterns(commands.filter(({ path }) => path.length > 0).map(({ path }) => keyOf(path)))}) path="$path $word" ;;
      # --option=value is three words
      *' =') ;;
      ${patterns(valued.map(({ key }) => key))}) option=$word ;;
      *' -'*) option= ;;
      *)
        if [[ -z $option ]]; then
          position=$((position + 1))
        else
          case "$path $option" in
            ${patterns(variadic.map(({ key }) => key))}) ;;
            *) option= ;;
          esac
        fi
        ;;
    esac
  done
  word=\${COMP_WORDS[COMP_CWORD]}
  [[ $word != = ]] || word=
  case $word in
    -*) place="$path -" ;;
    *) place="$path \${option:-$position}" ;;
  esac
  COMPREPLY=()
  case "$place" in
${places(commands)
  .map(([values, keys]) => `    ${patterns(keys)}) ${reply(values)} ;;`)
  .join("\n")}
  esac
}
complete -F _signet signet
`;
}

/** The places with something to offer, those with equal values together. */
function places(commands: readonly CommandWords[]): [values: Values, keys: string[]][] {
  const all = commands.flatMap(({ path, commands: inner, options, args }): [string, Values][] => [
    [keyOf(path, "-"), options.map(({ long }) => long)],
    [keyOf(path, "0"), inner.map(({ name }) => name)],
    ...options.map(({ long, values }): [string, Values] => [keyOf(path, long), values ?? []]),
    ...args.map(({ values, isVariadic }, at): [string, Values] => [
      keyOf(path, isVariadic ? "[0-9]*" : String(at)),
      values,
    ]),
  ]);
  const offered = all.filter(([, values]) => values !== "text" && values.length > 0);
  return [...Map.groupBy(offered, ([, values]) => String(values))].map(([, same]) => [
    same[0]?.[1] ?? [],
    same.map(([key]) => key),
  ]);
}

/** The place behind a command: " keys import --profile", " keys import 0" for its first argument. */
function keyOf(path: readonly string[], word?: string): string {
  return ["", ...path, ...(word === undefined ? [] : [word])].join(" ");
}

function patterns(keys: readonly string[]): string {
  return keys.map((key) => (key.endsWith("[0-9]*") ? `'${key.slice(0, -6)}'[0-9]*` : `'${key}'`)).join(" | ");
}

function reply(values: Values): string {
  if (values === "file" || values === "folder")
    return `compopt -o filenames; mapfile -t COMPREPLY < <(compgen -${values === "file" ? "f" : "d"} -- "$word")`;
  return `mapfile -t COMPREPLY < <(compgen -W '${(values as readonly string[]).join(" ")}' -- "$word")`;
}
