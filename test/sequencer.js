const { basename, dirname, join } = require('node:path');
const Sequencer = require('@jest/test-sequencer').default;
const seconds = require('./live/seconds.json');

const live = join(__dirname, 'live');

/**
 * The longest of the live tests first, so that the two workers end together. By itself jest knows that of the run before, which a fresh machine
 * has not had. The seconds were measured once, of what takes long; what matters is their order.
 */
module.exports = class extends Sequencer {
  sort(tests) {
    const longest = ({ path }) => (dirname(path) === live ? (seconds[basename(path, '.test.ts')] ?? 0) : 0);
    // what is not in the table follows, in jest's own order.
    return [...super.sort(tests)].sort((one, other) => longest(other) - longest(one));
  }
};
