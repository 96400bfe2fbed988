/* SPDX-License-Identifier: MIT */
/* Text for a terminal; see text.h. */
#include "tools/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "libbroker/util/clock.h"

/* Length of the code point at @s and its value; 0 when it is no UTF-8. */
static unsigned int utf8_at(const unsigned char *s, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned int n = *s < 0x80 ? 1 : *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : *s >= 0xc0 ? 2 : 0;

	if (!n || *s > 0xf4)
		return 0;
	*code = n == 1 ? *s : *s & (0x7fu >> n);
	for (unsigned int i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (s[i] & 0x3f);
	}
	return *code < least[n] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000) ? 0 : n;
}

unsigned int text_decode(const char *text, uint32_t *code)
{
	return utf8_at((const unsigned char *)text, code);
}

static bool is_unsafe(uint32_t code, bool lines)
{
	if (lines && (code == '\n' || code == '\t'))
		return false;
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || code == 0x200e ||
	       code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

char *text_clean(const char *text, bool lines)
{
	const unsigned char *s = (const unsigned char *)text;
	char *out = malloc(strlen(text) + 1), *p = out;

	if (!out)
		abort();
	while (*s) {
		uint32_t code = 0;
		unsigned int n = utf8_at(s, &code);

		if (!n || is_unsafe(code, lines)) {
			*p++ = '?';
			s += n ? n : 1;
			continue;
		}
		memcpy(p, s, n);
		p += n;
		s += n;
	}
	*p = '\0';
	return out;
}

unsigned int text_columns(void)
{
	const char *env = getenv("COLUMNS");
	struct winsize size = {};
	long columns = env ? strtol(env, NULL, 10) : 0;

	if (columns <= 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		columns = size.ws_col;
	if (columns <= 0)
		columns = 80;
	return columns < 20 ? 20 : columns > 200 ? 200 : (unsigned int)columns;
}

/* Bytes of the first @columns code points. */
static size_t prefix_bytes(const char *text, unsigned int columns)
{
	size_t i = 0;

	while (text[i]) {
		if ((text[i] & 0xc0) != 0x80 && columns-- == 0)
			break;
		i++;
	}
	return i;
}

unsigned int text_width(const char *text)
{
	unsigned int n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

void text_put(FILE *out, const char *text, unsigned int width)
{
	unsigned int has = text_width(text);

	if (!width) {
		fputs(text, out);
	} else if (has > width) {
		fprintf(out, "%.*s…", (int)prefix_bytes(text, width - 1), text);
	} else {
		fprintf(out, "%s%*s", text, (int)(width - has), "");
	}
}

void text_wrap(FILE *out, const char *text, unsigned int indent, unsigned int columns)
{
	unsigned int room = columns > indent + 10 ? columns - indent : 10, used = 0;

	while (*text) {
		size_t word = strcspn(text, " ");
		unsigned int width = 0;

		for (size_t i = 0; i < word; i++)
			width += (text[i] & 0xc0) != 0x80;
		if (used && used + 1 + width > room) {
			fputc('\n', out);
			used = 0;
		}
		if (used)
			fputc(' ', out);
		else
			fprintf(out, "%*s", (int)indent, "");
		used += width + (used ? 1 : 0);
		fprintf(out, "%.*s", (int)word, text);
		text += word;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

const char *text_duration(struct text_unit *u, uint64_t ns)
{
	uint64_t s = ns / NS_PER_S, ms = ns / NS_PER_MS;

	if (ms < 1000)
		snprintf(u->text, sizeof(u->text), "%u ms", (unsigned int)ms);
	else if (s < 10)
		snprintf(u->text, sizeof(u->text), "%u.%u s", (unsigned int)s,
			 (unsigned int)(ms % 1000 / 100));
	else if (s < 60)
		snprintf(u->text, sizeof(u->text), "%u s", (unsigned int)s);
	else if (s < 3600)
		snprintf(u->text, sizeof(u->text), "%um %02us", (unsigned int)(s / 60),
			 (unsigned int)(s % 60));
	else if (s < 86400)
		snprintf(u->text, sizeof(u->text), "%uh %02um", (unsigned int)(s / 3600),
			 (unsigned int)(s / 60 % 60));
	else
		snprintf(u->text, sizeof(u->text), "%llud %uh", (unsigned long long)(s / 86400),
			 (unsigned int)(s / 3600 % 24));
	return u->text;
}

const char *text_bytes(struct text_unit *u, uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes / 1024;
	unsigned int i = 0;

	if (bytes < 1024) {
		snprintf(u->text, sizeof(u->text), "%u B", (unsigned int)bytes);
		return u->text;
	}
	for (; value >= 1023.95 && i < 5; i++)
		value /= 1024;
	snprintf(u->text, sizeof(u->text), "%.1f %s", value, units[i]);
	return u->text;
}

const char *text_count(struct text_unit *u, double n)
{
	static const char units[] = "kMGTPE";
	int i = -1;

	if (n < 999.5) {
		snprintf(u->text, sizeof(u->text), n < 9.95 && n > 0 ? "%.1f" : "%.0f", n);
		return u->text;
	}
	for (; n >= 999.5 && i < 5; i++)
		n /= 1000;
	snprintf(u->text, sizeof(u->text), "%.1f%c", n, units[i]);
	return u->text;
}

int text_parse_duration(const char *text, uint64_t *seconds)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}, {'\0', 1}};
	uint64_t sum = 0;
	unsigned int i = 0;

	if (!*text)
		return -EINVAL;
	while (*text) {
		unsigned long long n;
		char *end;

		errno = 0;
		if (*text < '0' || *text > '9')
			return -EINVAL;
		n = strtoull(text, &end, 10);
		while (i < 5 && units[i].unit != *end)
			i++;
		if (errno || i == 5 || n > (1ull << 32))
			return -EINVAL;
		sum += n * units[i].seconds;
		text = end + (*end != '\0');
		i++; /* units go down: "1h30m", never "30m1h" or "1h1h" */
	}
	*seconds = sum;
	return 0;
}

void text_progress(char *out, size_t room, const struct text_progress *p, unsigned int columns)
{
	double share = p->total ? (double)p->done / (double)p->total : 0;
	char tail[160] = "", bar[64];
	struct text_unit rate, left;
	unsigned int width, full;

	share = share > 1 ? 1 : share;
	if (p->note)
		snprintf(tail, sizeof(tail), "  %s", p->note);
	else if (p->rate > 0 && p->done < p->total)
		snprintf(tail, sizeof(tail), "  %s/s  %s left", text_count(&rate, p->rate),
			 text_duration(&left,
				       (uint64_t)((double)(p->total - p->done) / p->rate * 1e9)));
	/* "[] 100 %" and the tail; what is left is the bar's. */
	width = columns > 8 + text_width(tail) + 6 ? columns - 9 - text_width(tail) : 5;
	width = width > 40 ? 40 : width;
	full = (unsigned int)(share * width);
	memset(bar, '#', full);
	memset(bar + full, '.', width - full);
	bar[width] = '\0';
	snprintf(out, room, "[%s] %3d %%%s", bar, (int)(share * 100), tail);
	out[prefix_bytes(out, columns)] = '\0';
}
