/* SPDX-License-Identifier: MIT */
/* Cells of a page; see top_page.h. */
#include "tools/top_page.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tools/columns.h"
#include "tools/text.h"

#define CELL_BYTES TOP_LINE_BYTES

void top_begin(struct top_writer *w, struct top_page *page, const struct top_options *options)
{
	page->width = options->width < TOP_WIDTH_MAX ? options->width : TOP_WIDTH_MAX;
	page->height = options->height < TOP_HEIGHT_MAX ? options->height : TOP_HEIGHT_MAX;
	page->n = 0;
	*w = (struct top_writer){.page = page, .ascii = options->ascii};
}

uint32_t top_lines_left(const struct top_writer *w, uint32_t kept)
{
	uint32_t used = w->page->n + kept;

	return used < w->page->height ? w->page->height - used : 0;
}

void top_newline(struct top_writer *w)
{
	w->line = NULL;
	w->column = w->bytes = 0;
	if (w->page->n == w->page->height)
		return;
	w->line = &w->page->line[w->page->n++];
	w->line->text[0] = '\0';
	w->line->n_spans = 0;
}

uint32_t top_room(const struct top_writer *w)
{
	return w->line ? w->page->width - w->column : 0;
}

static void add_span(struct top_writer *w, enum top_style style, uint32_t len)
{
	struct top_line *l = w->line;
	struct top_span *last = l->n_spans ? &l->span[l->n_spans - 1] : NULL;

	if (style == TOP_PLAIN || !len)
		return;
	if (last && last->style == style && last->start + last->len == w->bytes)
		last->len = (uint16_t)(last->len + len);
	else if (l->n_spans < TOP_SPANS_MAX)
		l->span[l->n_spans++] = (struct top_span){
			.style = style, .start = (uint16_t)w->bytes, .len = (uint16_t)len};
}

/* What the terminal does not know is a question mark, in as many columns. */
static const char *to_ascii(char *out, size_t room, const char *text)
{
	size_t n = 0;

	while (*text) {
		uint32_t code = '?';
		unsigned int bytes = text_decode(text, &code);
		unsigned int columns = !bytes || code < 0x80 ? 1 : columns_of(code);

		for (; columns && n + 1 < room; columns--)
			out[n++] = code < 0x80 ? (char)code : '?';
		text += bytes ? bytes : 1;
	}
	out[n] = '\0';
	return out;
}

void top_put(struct top_writer *w, enum top_style style, const char *text)
{
	char plain[CELL_BYTES];
	unsigned int columns;
	size_t len;

	if (!w->line)
		return;
	if (w->ascii)
		text = to_ascii(plain, sizeof(plain), text);
	len = columns_cut(text, top_room(w), &columns);
	if (len >= TOP_LINE_BYTES - w->bytes)
		return; /* marks upon marks: nothing that a person reads */
	memcpy(w->line->text + w->bytes, text, len);
	w->line->text[w->bytes + len] = '\0';
	add_span(w, style, (uint32_t)len);
	w->bytes += (uint32_t)len;
	w->column += columns;
}

void top_printf(struct top_writer *w, enum top_style style, const char *fmt, ...)
{
	char text[CELL_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	top_put(w, style, text);
}

void top_skip_to(struct top_writer *w, uint32_t column)
{
	while (w->line && w->column < column && top_room(w))
		top_put(w, TOP_PLAIN, " ");
}

void top_cell(struct top_writer *w, enum top_style style, uint32_t width, bool right,
	      const char *text)
{
	const char *mark = w->ascii ? "~" : "…";
	uint32_t has = columns_text(text), end = w->column + width;
	char cut[CELL_BYTES];

	if (has > width && width) {
		size_t len = columns_cut(text, width - 1, NULL);

		snprintf(cut, sizeof(cut), "%.*s%s", (int)len, text, mark);
		text = cut;
		has = columns_text(text);
	}
	if (right)
		top_skip_to(w, end - (has < width ? has : width));
	if (width)
		top_put(w, style, text);
	top_skip_to(w, end);
}
