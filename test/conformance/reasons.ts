// Why Dormice does otherwise than another proxy ("it"), where that is so in more than one case.

export const LF =
  'it takes a bare LF for the end of a line; whoever does not reads another message in the same bytes'
export const CONTROL =
  'it passes control characters on; apps, and what reads their logs, may take them for something else'
export const FOLD = 'it unfolds the line, as RFC 9112 allows; to refuse leaves nothing to be read in two ways'
export const MINOR =
  'it takes any minor version for 1.1; there is none beyond it, and the parser here says so'
export const VERSION_400 = 'it answers 400, where RFC 9110 has a status of its own for it, 505'
export const VERSION_09 = 'it speaks HTTP/0.9 and answers with a page that has no head'
export const SCHEME = 'it takes any scheme for http; who asks for ftp does not ask for this app'
export const FRAGMENT =
  'it passes the fragment on in the path; a target has none, and no honest client sends one'
export const METHODS =
  'it passes on any token for a method; the parser here knows a list, from GET to PROPFIND'
export const PORT =
  'it does not look at what stands in the port’s place, which apps make links to themselves of'
export const CODING_400 = 'it answers 400 to a coding that it does not know, for which RFC 9112 has 501'
export const CODING_501 =
  'it says that it does not know the coding; here the framing as a whole is called faulty'
export const TWO_CODINGS =
  'it refuses any two Transfer-Encoding headers with 400; here the coding that is not known is named'
export const QUIET = 'it ends the connection without a word; here a visitor who still listens learns why'
export const EITHER =
  'it lets chunks win over the length; RFC 9112 allows it, and says that it may be an attempt to smuggle'
export const OLD_CHUNKS = 'it reads chunks in HTTP/1.0; RFC 9112 calls that framing faulty'
export const SAME_LENGTHS =
  'it makes equal lengths one, as RFC 9112 allows; to refuse them leaves nothing to be read in two ways'
export const ANSWER_FRAMING =
  'it passes an answer on whose framing can be read in two ways; RFC 9112 asks for 502 and no more of it'
export const ANSWER_CODING =
  'it passes a body on that the visitor cannot read, for the coding is not said any more'
export const NO_STATUS = 'it passes on what has no status of three digits from 100 on'
export const TRAILERS_DROPPED =
  'it drops all trailers without looking at them; these can only be an attempt to deceive'
export const TRAILERS_PASSED = 'it passes them on, to apps that may take trailers for headers'
export const NO_COLON = 'it makes the line a header of nothing; RFC 9112 knows no line without a colon'
export const CHUNK_SPACE = 'it passes over space behind a chunk’s size; the grammar has none'
export const EXPECTATION = 'it leaves an expectation that it does not know to the app, as RFC 9110 allows'
export const UNASKED_100 =
  'it drops the 100; the client library here takes it for a fault, and no app should send it unasked'
export const PROXY_CONNECTION =
  'it passes over Proxy-Connection; the parser here heeds it, and the answer says so'
export const ONE_AT_A_TIME =
  'it begins a pipelined request after the answer to the one before; safe ones may overlap, and do here'
export const ONE_TRY = 'it does not try again; a GET that met a connection being closed does no harm twice'
export const NOT_BEHIND_UPGRADE =
  'it reads on behind the request; the parser here stops there, and so the connection ends'
export const NOT_BEHIND_REFUSED =
  'it goes on with the connection; what stands behind a request that means two things is not trusted here'
export const FEW_HEADERS = 'its limit on headers is another'
export const LONG_TARGETS =
  'it takes targets of up to 16 KiB; RFC 9112 asks for 8,000 bytes, and few apps take more than 8 KiB'
