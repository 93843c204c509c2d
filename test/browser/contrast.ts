import type { Page } from "playwright-core";

/** WCAG 2.2, 1.4.3: the least contrast of text. */
const LEAST = 4.5;

/**
 * The texts of a page that are too faint to read on what is behind them. Disabled buttons are exempt, as in WCAG. A
 * background that is an image, such as a gradient, is not looked at.
 */
export function faintTexts(page: Page): Promise<string[]> {
  return page.evaluate((least) => {
    // Drawn, because a computed colour may be in any colour space.
    const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    if (context === null) throw new Error("no canvas");
    const channelsOf = (color: string) => {
      context.clearRect(0, 0, 1, 1);
      context.fillStyle = color;
      context.fillRect(0, 0, 1, 1);
      return [...context.getImageData(0, 0, 1, 1).data];
    };
    const luminance = (color: string) => {
      const [red = 0, green = 0, blue = 0] = channelsOf(color).map((channel) => {
        const part = channel / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const behind = (element: Element): string => {
      const { backgroundColor } = getComputedStyle(element);
      if ((channelsOf(backgroundColor)[3] ?? 0) > 0 || element.parentElement === null) return backgroundColor;
      return behind(element.parentElement);
    };
    const faint = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const element = texts.currentNode.parentElement;
      const text = texts.currentNode.textContent?.trim();
      if (!element || !text || !element.checkVisibility() || element.ariaDisabled === "true") continue;
      const [light = 0, dark = 0] = [luminance(getComputedStyle(element).color), luminance(behind(element))].toSorted(
        (a, b) => b - a,
      );
      const contrast = (light + 0.05) / (dark + 0.05);
      if (contrast < least) faint.push(`${text}: ${contrast.toFixed(2)}`);
    }
    return faint;
  }, LEAST);
}
