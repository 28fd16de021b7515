const { dirname, join, relative } = require('node:path');
const Sequencer = require('@jest/test-sequencer').default;
const seconds = require('./live/seconds.json');

const live = join(__dirname, 'live');
const verify = join(__dirname, 'verify');

/**
 * The longest of the live tests first, so that the two workers end together. By itself jest knows that of the run before, which a fresh machine
 * has not had. The seconds were measured once, of what takes long; what matters is their order.
 */
module.exports = class extends Sequencer {
  sort(tests) {
    // what is not in the table follows, in jest's own order, which is by size: that of ShellCheck is small, and takes most of a minute.
    const others = ({ path }) => (dirname(path) === verify ? 1 : 0);
    const longest = test => seconds[relative(live, test.path).replace(/\.test\.ts$/, '')] || others(test);
    return [...super.sort(tests)].sort((one, other) => longest(other) - longest(one));
  }
};
