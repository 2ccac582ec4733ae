#ifndef MESOS_MESSAGE_H
#define MESOS_MESSAGE_H
void mesos_boot_messages(pTHX);
SV *mesos_message_decode_sv(pTHX_ uint32_t class_id, const char *bytes, STRLEN len);
SV *mesos_message_encode_named(pTHX_ const char *class_name, SV *value);
#endif
