#include "wire.h"

#include "memory.h"

#include <string.h>

uint16_t get_u16(const uint8_t *bytes) { return (uint16_t)(bytes[0] | bytes[1] << 8); }

uint32_t get_u32(const uint8_t *bytes) { return get_u16(bytes) | (uint32_t)get_u16(bytes + 2) << 16; }

void put_u32(uint8_t *bytes, uint32_t value) {
  for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)(value >> 8 * i);
}

const uint8_t *read_bytes(Reader *reader, size_t size) {
  static const uint8_t nothing[8];
  if (reader->bad || reader->left < size) {
    reader->bad = true;
    return nothing;
  }
  const uint8_t *bytes = reader->at;
  reader->at += size;
  reader->left -= size;
  return bytes;
}

uint8_t read_u8(Reader *reader) { return *read_bytes(reader, 1); }

uint16_t read_u16(Reader *reader) { return get_u16(read_bytes(reader, 2)); }

uint32_t read_u32(Reader *reader) { return get_u32(read_bytes(reader, 4)); }

uint64_t read_u64(Reader *reader) {
  const uint8_t *bytes = read_bytes(reader, 8);
  return get_u32(bytes) | (uint64_t)get_u32(bytes + 4) << 32;
}

char *read_text(Reader *reader) {
  uint32_t size = read_u32(reader);
  const uint8_t *bytes = read_bytes(reader, size);
  if (!reader->bad && memchr(bytes, 0, size)) reader->bad = true;
  return reader->bad ? NULL : copy_text((const char *)bytes, size);
}

void write_u8(Writer *writer, uint8_t value) { *writer->at++ = value; }

void write_u16(Writer *writer, uint16_t value) {
  write_u8(writer, (uint8_t)value);
  write_u8(writer, (uint8_t)(value >> 8));
}

void write_u32(Writer *writer, uint32_t value) {
  put_u32(writer->at, value);
  writer->at += 4;
}

void write_u64(Writer *writer, uint64_t value) {
  write_u32(writer, (uint32_t)value);
  write_u32(writer, (uint32_t)(value >> 32));
}

void write_bytes(Writer *writer, const void *bytes, size_t size) {
  memcpy(writer->at, bytes, size);
  writer->at += size;
}

void write_text(Writer *writer, const char *text) {
  size_t size = strlen(text);
  write_u32(writer, (uint32_t)size);
  write_bytes(writer, text, size);
}
