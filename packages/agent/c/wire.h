// The byte contract of docs/protocol.md: numbers of the messages, and bounded reading and writing of their fields.
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAME_MAX = 32768, HEADER_SIZE = 16, TRAILER_SIZE = 4, PAYLOAD_MAX = FRAME_MAX - HEADER_SIZE - TRAILER_SIZE };
enum { MAGIC_0 = 0x7e, MAGIC_1 = 0xb1, FLAG_MORE = 1, PROTOCOL_VERSION = 1, NONCE_SIZE = 16, MARK_SIZE = 16 };

enum MessageType {
  EXEC = 0x01,
  STDIN = 0x02,
  STDIN_EOF = 0x03,
  CREDIT = 0x04,
  KILL = 0x05,
  PING = 0x06,
  PUT = 0x07,
  GET = 0x08,
  STAT = 0x09,
  LIST = 0x0a,
  MKDIR = 0x0b,
  SYMLINK = 0x0c,
  WAIT = 0x0e,
  RESUMED = 0x0f,
  RESIZE = 0x10,
  MOUNT = 0x11,
  STARTED = 0x82,
  STDOUT = 0x83,
  STDERR = 0x84,
  END_OF_FILE = 0x85,
  EXIT = 0x86,
  STDIN_CREDIT = 0x87,
  PONG = 0x88,
  LOG = 0x89,
  BYE = 0x8a,
  RESULT = 0x8b
};

// Reads fields of a payload in order. A field that does not fit sets `bad`, gives zero, and so does every later one.
typedef struct {
  const uint8_t *at;
  size_t left;
  bool bad;
} Reader;

uint8_t read_u8(Reader *reader);
uint16_t read_u16(Reader *reader);
uint32_t read_u32(Reader *reader);
uint64_t read_u64(Reader *reader);
// Points into the payload.
const uint8_t *read_bytes(Reader *reader, size_t size);
// A `str` as a C string that the caller frees; one that holds a NUL byte is bad, and then the result is NULL.
char *read_text(Reader *reader);

// Appends fields to a buffer that the caller knows to be large enough.
typedef struct {
  uint8_t *start;
  uint8_t *at;
} Writer;

void write_u8(Writer *writer, uint8_t value);
void write_u16(Writer *writer, uint16_t value);
void write_u32(Writer *writer, uint32_t value);
void write_u64(Writer *writer, uint64_t value);
void write_bytes(Writer *writer, const void *bytes, size_t size);
void write_text(Writer *writer, const char *text);

uint16_t get_u16(const uint8_t *bytes);
uint32_t get_u32(const uint8_t *bytes);
void put_u32(uint8_t *bytes, uint32_t value);

#endif
