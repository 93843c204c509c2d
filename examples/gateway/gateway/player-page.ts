/** Who watches, or why nobody does. */
type Entry = { readonly name: string } | { readonly refused: string; readonly message: string };

/** The player of a campaign as a page. */
export function playerPage(campaign: string, entry: Entry): string {
  const [state, title, line] =
    "name" in entry
      ? ["on", "On air", `You are watching as <strong>${escaped(entry.name)}</strong>.`]
      : ["off", "No entry", `<strong>${escaped(entry.refused)}</strong>: ${escaped(entry.message)}`];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}: ${escaped(campaign)}</title>
<link rel="stylesheet" href="/shoplive/player.css">
</head>
<body class="${state}">
<p class="badge">${title}</p>
<h1>${escaped(campaign)}</h1>
<p>${line}</p>
</body>
</html>
`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
