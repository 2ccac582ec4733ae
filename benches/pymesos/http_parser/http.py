"""One HTTP response with a chunked body, parsed with as little work as Python allows."""


class HttpParser(object):
    def __init__(self):
        self._rest = b''
        self._status = None
        self._headers = {}
        self._body = []
        self._left = 0  # of the current chunk, with its CR LF
        self._complete = False

    def execute(self, data, length):
        self._rest += data
        if self._status is None:
            end = self._rest.find(b'\r\n\r\n')
            if end < 0:
                return length
            lines = self._rest[:end].decode('latin-1').split('\r\n')
            self._rest = self._rest[end + 4:]
            self._status = int(lines[0].split(' ')[1])
            self._headers = dict(line.split(': ', 1) for line in lines[1:])
        self._chunks()
        return length

    def _chunks(self):
        rest, at = self._rest, 0
        while at < len(rest):
            if not self._left:
                end = rest.find(b'\r\n', at)
                if end < 0:
                    break
                size = int(rest[at:end], 16)
                at = end + 2
                if not size:
                    self._complete = True
                    break
                self._left = size + 2
            piece = rest[at:at + self._left]
            at += len(piece)
            # CR LF behind the chunk is not body.
            keep = max(0, min(len(piece), self._left - 2))
            if keep:
                self._body.append(piece[:keep])
            self._left -= len(piece)
        self._rest = rest[at:]

    def is_headers_complete(self):
        return self._status is not None

    def get_status_code(self):
        return self._status

    def get_headers(self):
        return self._headers

    def is_chunked(self):
        return self._headers.get('Transfer-Encoding', '').lower() == 'chunked'

    def is_partial_body(self):
        return bool(self._body)

    def recv_body(self):
        body, self._body = b''.join(self._body), []
        return body

    def is_message_complete(self):
        return self._complete

    def get_errno(self):
        return 0
