#ifndef VENUSD_PLAN_INTERNAL_H
#define VENUSD_PLAN_INTERNAL_H

#include "common/buf.h"
#include "venusd/plan/plan.h"

/* A set of words as sorted hashes: two words that share a hash only make more be reached. */
struct word_set {
	uint64_t *hashes;
	size_t count;
};
void word_set_fini(struct word_set *set);
void word_set_add_text(struct word_set *set, const char *text, size_t length);
void word_set_seal(struct word_set *set); /* sorts; add nothing after it */
bool word_set_meets(const struct word_set *a, const struct word_set *b);

/* Where comments and literals are, so that a range can be written without the one and with the
 * other untouched. */
struct code_text {
	const struct notebook *notebook;
	struct code_span {
		struct notebook_range range;
		bool comment; /* else a literal */
	} * spans;	      /* sorted, apart from each other */
	size_t span_count;
};
void code_text_init(struct code_text *text, const struct notebook *notebook);
void code_text_fini(struct code_text *text);
/* The text of a range without comments, white space folded to one blank. As written where it asks
 * for its own place (line!, dbg! …). */
void code_text_write(const struct code_text *text, struct notebook_range range, struct buf *buf);

struct plan_code {
	const struct notebook *notebook;
	struct plan_piece {
		char *text; /* as code_text_write gives it */
	} * cells, *items;
	struct plan_reach {
		size_t *items;
		size_t count;
	} * reached; /* a cell */
};

/* Fills code->reached from the texts. */
void reach_find(struct plan_code *code);

#endif
