import type { BodyTemplate } from "./body.ts";
import type { Card, Fact } from "./card.ts";
import type { MessageFormat } from "./settings.ts";

/** The body of a message in the format of its receiver. */
export const messageIn = (format: MessageFormat, card: Card): BodyTemplate => FORMATS[format](card);

const FORMATS: Readonly<Record<MessageFormat, (card: Card) => BodyTemplate>> = { slack, teams, mail };

/** A section of Slack has at most 3,000 characters: https://docs.slack.dev/reference/block-kit/blocks/section-block/ */
const MAX_SECTION = 2_900;

/**
 * A message of Slack's Block Kit. Every text of others is `plain_text`, in which Slack reads no formatting, and has the
 * three control characters escaped, which its documentation asks for in every text:
 * https://docs.slack.dev/messaging/formatting-message-text/#escaping
 */
function slack({ title, facts, button }: Card): BodyTemplate {
  return {
    // Shown in notifications only.
    text: escaped(title),
    parse: "none",
    link_names: false,
    unfurl_links: false,
    unfurl_media: false,
    blocks: [
      { type: "header", text: plainText(title) },
      ...facts.map(({ name, lines }) => ({
        type: "section",
        text: plainText(within(lines, MAX_SECTION, (shown) => escaped(textOf({ name, lines: shown })).length, name)),
      })),
      ...(button ? [{ type: "section", text: linkOf(button) }] : []),
    ],
  };
}

/**
 * A link and no button: a click on a button is reported to the app too, and people see a warning if it takes no reports:
 * https://github.com/slackapi/node-slack-sdk/issues/869
 */
const linkOf = ({ url, text }: NonNullable<Card["button"]>) => ({
  type: "mrkdwn",
  text: `<${escaped(url)}|${escaped(text)}>`,
  verbatim: true,
});

const plainText = (text: string) => ({ type: "plain_text", text: escaped(text), emoji: false });

/** The lines of a fact that fit. */
function within(
  lines: readonly string[],
  limit: number,
  size: (lines: readonly string[]) => number,
  name: string,
): string {
  for (let count = lines.length; count > 0; count--) {
    const left = lines.length - count;
    const shown = left === 0 ? lines : [...lines.slice(0, count), `and ${left} more`];
    if (size(shown) <= limit) return textOf({ name, lines: shown });
  }
  return name;
}

/**
 * The envelope of a Teams workflow with an Adaptive Card. The text of a `TextRun` is not read as Markdown, unlike that of a
 * `TextBlock`: https://adaptivecards.io/explorer/TextRun.html
 */
function teams({ title, facts, button }: Card): BodyTemplate {
  const line = (...inlines: readonly object[]) => ({ type: "RichTextBlock", inlines });
  return {
    type: "message",
    attachments: [
      {
        contentType: "application/vnd.microsoft.card.adaptive",
        content: {
          type: "AdaptiveCard",
          version: "1.4",
          body: [
            line({ type: "TextRun", text: title, weight: "bolder", size: "large" }),
            ...facts.flatMap(({ name, lines }) =>
              lines.map((text, at) =>
                line(...(at === 0 ? [{ type: "TextRun", text: `${name}: `, weight: "bolder" }] : []), {
                  type: "TextRun",
                  text,
                }),
              ),
            ),
          ],
          ...(button && { actions: [{ type: "Action.OpenUrl", title: button.text, url: button.url }] }),
        },
      },
    ],
  };
}

/** A mail without addresses: the template of the route has them. */
function mail({ title, facts, button }: Card): BodyTemplate {
  const rows = facts.map(
    ({ name, lines }) =>
      `<tr><th align="left" valign="top">${escaped(name)}</th><td>${lines.map(escaped).join("<br>")}</td></tr>`,
  );
  const link = button ? `<p><a href="${escaped(button.url)}">${escaped(button.text)}</a></p>` : "";
  return {
    subject: title,
    text: [...facts.map(textOf), ...(button ? [`${button.text}: ${button.url}`] : [])].join("\n\n"),
    html: `<p><strong>${escaped(title)}</strong></p><table cellpadding="4">${rows.join("")}</table>${link}`,
  };
}

const textOf = ({ name, lines }: Fact): string =>
  lines.length === 1 ? `${name}: ${lines[0]}` : [`${name}:`, ...lines].join("\n");

/** For HTML and for Slack. Slack decodes these three only. */
const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
