#include "venusd/build/rust_manifest_scan.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/mem.h"

#define VALUE_DEPTH_MAX 32

struct scan {
	const char *text;
	size_t at;
	char *keys[MANIFEST_DEPTH_MAX];
	size_t key_count;
	size_t table_count; /* keys that the present header gave */
	void (*each)(const struct manifest_entry *entry, void *payload);
	void *payload;
};

static void keys_cut(struct scan *scan, size_t count)
{
	while (scan->key_count > count)
		free(scan->keys[--scan->key_count]);
}

static void tell(
    const struct scan *scan, enum manifest_kind kind, size_t start, size_t end, const char *string)
{
	const struct manifest_entry entry = {
	    kind, (const char *const *)scan->keys, scan->key_count, start, end, string};

	scan->each(&entry, scan->payload);
}

static void skip_blanks(struct scan *scan, bool lines)
{
	for (;;) {
		const char c = scan->text[scan->at];

		if (c == ' ' || c == '\t' || c == '\r' || (lines && c == '\n'))
			scan->at++;
		else if (lines && c == '#')
			scan->at += strcspn(scan->text + scan->at, "\n");
		else
			return;
	}
}

static void skip_line(struct scan *scan)
{
	scan->at += strcspn(scan->text + scan->at, "\n");
	scan->at += scan->text[scan->at] == '\n';
}

static void add_scalar_value(struct buf *out, unsigned long code)
{
	if (code < 0x80) {
		buf_add_char(out, (char)code);
	} else if (code < 0x800) {
		buf_add_char(out, (char)(0xC0 | (code >> 6)));
		buf_add_char(out, (char)(0x80 | (code & 0x3F)));
	} else if (code < 0x10000) {
		buf_add_char(out, (char)(0xE0 | (code >> 12)));
		buf_add_char(out, (char)(0x80 | ((code >> 6) & 0x3F)));
		buf_add_char(out, (char)(0x80 | (code & 0x3F)));
	} else if (code < 0x110000) {
		buf_add_char(out, (char)(0xF0 | (code >> 18)));
		buf_add_char(out, (char)(0x80 | ((code >> 12) & 0x3F)));
		buf_add_char(out, (char)(0x80 | ((code >> 6) & 0x3F)));
		buf_add_char(out, (char)(0x80 | (code & 0x3F)));
	}
}

/* After a backslash. */
static bool read_escape(struct scan *scan, struct buf *out)
{
	static const char from[] = "btnfre\"\\", to[] = "\b\t\n\f\r\x1b\"\\";
	const char c = scan->text[scan->at];
	const char *found = c ? strchr(from, c) : NULL;
	char digits[9] = {0};
	char *end;
	size_t count;
	unsigned long code;

	if (found) {
		buf_add_char(out, to[found - from]);
		scan->at++;
		return true;
	}
	if (c != 'u' && c != 'U')
		return false;
	count = c == 'u' ? 4 : 8;
	memcpy(digits, scan->text + scan->at + 1, strnlen(scan->text + scan->at + 1, count));
	code = strtoul(digits, &end, 16);
	if ((size_t)(end - digits) != count || code == 0)
		return false;
	add_scalar_value(out, code);
	scan->at += 1 + count;
	return true;
}

/* A string of any of the four kinds at `at`. */
static bool read_string(struct scan *scan, struct buf *out)
{
	const char quote = scan->text[scan->at];
	const char three[4] = {quote, quote, quote, 0};
	const bool multi = strncmp(scan->text + scan->at, three, 3) == 0;

	scan->at += multi ? 3 : 1;
	if (multi && scan->text[scan->at] == '\n')
		scan->at++;
	for (;;) {
		const char c = scan->text[scan->at];

		if (!c || (c == '\n' && !multi))
			return false;
		if (c == quote && (!multi || strncmp(scan->text + scan->at, three, 3) == 0)) {
			scan->at += multi ? 3 : 1;
			buf_add(out, "", 1);
			return true;
		}
		scan->at++;
		if (c != '\\' || quote == '\'')
			buf_add_char(out, c);
		else if (multi && strchr(" \t\r\n", scan->text[scan->at]))
			scan->at += strspn(scan->text + scan->at, " \t\r\n");
		else if (!read_escape(scan, out))
			return false;
	}
}

static bool is_bare(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

/* A dotted key; its parts are added to the keys. */
static bool read_keys(struct scan *scan)
{
	for (;;) {
		AUTO_BUF struct buf key = BUF_INIT;

		skip_blanks(scan, false);
		if (scan->text[scan->at] == '"' || scan->text[scan->at] == '\'') {
			if (!read_string(scan, &key))
				return false;
		} else {
			while (is_bare(scan->text[scan->at]))
				buf_add_char(&key, scan->text[scan->at++]);
			if (key.length == 0)
				return false;
		}
		if (scan->key_count == MANIFEST_DEPTH_MAX)
			return false;
		scan->keys[scan->key_count++] = buf_take(&key);
		skip_blanks(scan, false);
		if (scan->text[scan->at] != '.')
			return true;
		scan->at++;
	}
}

static bool read_value(struct scan *scan, int depth);

static bool read_pair(struct scan *scan, int depth)
{
	const size_t before = scan->key_count;
	bool good = read_keys(scan) && scan->text[scan->at] == '=';

	if (good) {
		scan->at++;
		skip_blanks(scan, false);
		good = read_value(scan, depth + 1);
	}
	keys_cut(scan, before);
	return good;
}

static bool read_list(struct scan *scan, char close, int depth)
{
	scan->at++;
	for (;;) {
		skip_blanks(scan, true);
		if (scan->text[scan->at] == close) {
			scan->at++;
			return true;
		}
		if (!(close == '}' ? read_pair(scan, depth) : read_value(scan, depth + 1)))
			return false;
		skip_blanks(scan, true);
		if (scan->text[scan->at] == ',')
			scan->at++;
		else if (scan->text[scan->at] != close)
			return false;
	}
}

static bool read_value(struct scan *scan, int depth)
{
	AUTO_BUF struct buf string = BUF_INIT;
	const size_t start = scan->at;
	const char c = scan->text[start];

	if (depth > VALUE_DEPTH_MAX)
		return false;
	switch (c) {
	case '"':
	case '\'':
		if (!read_string(scan, &string))
			return false;
		tell(scan, MANIFEST_STRING, start, scan->at, string.data);
		return true;
	case '{':
		tell(scan, MANIFEST_INLINE, start, start + 1, NULL);
		return read_list(scan, '}', depth);
	case '[':
		tell(scan, MANIFEST_OTHER, start, start + 1, NULL);
		return read_list(scan, ']', depth);
	default:
		scan->at += strcspn(scan->text + scan->at, ",]}#\r\n");
		tell(scan, MANIFEST_OTHER, start, scan->at, NULL);
		return scan->at > start;
	}
}

static void read_header(struct scan *scan)
{
	const size_t start = scan->at;

	keys_cut(scan, 0);
	scan->at += scan->text[scan->at + 1] == '[' ? 2 : 1;
	if (!read_keys(scan) || scan->text[scan->at] != ']') {
		/* A header that cannot be read: what follows belongs to no table that is known. */
		keys_cut(scan, 0);
		scan->keys[scan->key_count++] = mem_strdup("");
	} else {
		scan->at += strspn(scan->text + scan->at, "]");
		tell(scan, MANIFEST_TABLE, start, scan->at, NULL);
	}
	scan->table_count = scan->key_count;
	skip_line(scan);
}

void manifest_scan(const char *text,
    void (*each)(const struct manifest_entry *entry, void *payload), void *payload)
{
	struct scan scan = {.text = text, .each = each, .payload = payload};

	for (;;) {
		skip_blanks(&scan, true);
		if (!text[scan.at])
			break;
		if (text[scan.at] == '[') {
			read_header(&scan);
		} else {
			if (!read_pair(&scan, 0))
				keys_cut(&scan, scan.table_count);
			skip_line(&scan);
		}
	}
	keys_cut(&scan, 0);
}
