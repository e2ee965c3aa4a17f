/**
 * What goes between the members of a group, and between them and those who write and read their records: one datagram a
 * message, little endian.
 *
 * | message | bytes |
 * |---|---|
 * | `write` | 0 kind, 1 number of records, 2 batch (4), 6 records |
 * | `written` | 0 kind, 2 batch |
 * | `read` | 0 kind, 1 number of keys, 2 question (4), 6 keys (4 each) |
 * | `found` | 0 kind, 1 number of records, 2 question, 6 records |
 * | `copy` | 0 kind, 1 most records wanted, 2 copy (4), 6 part (4) |
 * | `copied` | 0 kind, 1 number of records, 2 copy, 6 part, 10 records there (4), 14 length of the form's name, 15 its name, records |
 * | `probe` | 0 kind, 1 message from outside |
 *
 * A part without records is the last.
 *
 * @module
 */
export const kind = { write: 1, written: 2, read: 3, found: 4, copy: 5, copied: 6, probe: 7 } as const;

/** Records in one datagram, so that it stays below the common MTU. */
export const RECORDS = 56;
export const WRITE_HEADER = 6;
export const COPY_HEADER = 10;
export const COPIED_HEADER = 15;

/** Time after which what was not answered is sent again, ms. */
export const RETRY_AFTER = 50;
